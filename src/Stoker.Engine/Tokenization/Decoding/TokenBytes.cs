using System.Text;
using Stoker.Engine.Tokenization.Bpe;
using Stoker.Engine.Tokenization.Unicode;

namespace Stoker.Engine.Tokenization.Decoding;

/// <summary>The bytes that each id stands for in an answer, worked out once at load.</summary>
internal sealed class TokenBytes
{
    private readonly TokenTable _bytes;
    private readonly bool[] _isByte;

    private TokenBytes(TokenTable bytes, bool[] isByte) => (_bytes, _isByte) = (bytes, isByte);

    public ReadOnlyMemory<byte> this[int id] => _bytes.Memory(id);

    /// <summary>
    /// Whether the token is a fallback byte, <c>&lt;0xNN&gt;</c>, which may be a part of a character.
    /// </summary>
    public bool IsByte(int id) => (uint)id < (uint)_isByte.Length && _isByte[id];

    public static TokenBytes Build(TokenTable texts, DecoderRules rules)
    {
        var builder = new TokenTable.Builder();
        var isByte = new bool[rules.Bytes == ByteSpelling.Fallback ? texts.Size : 0];
        for (var id = 0; id < texts.Size; id++)
        {
            if (texts.Has(id)) Add(builder, id, texts[id], rules, isByte);
        }

        return new TokenBytes(builder.Build(texts.Size, out _), isByte); // two tokens may well stand for the same bytes
    }

    /// <summary>The bytes of a token at the start of an answer.</summary>
    public static byte[] First(ReadOnlySpan<byte> text, DecoderRules rules)
    {
        var builder = new TokenTable.Builder();
        Add(builder, 0, text, rules, new bool[1], first: true);
        return builder.Last.ToArray();
    }

    private static void Add(TokenTable.Builder builder, int id, ReadOnlySpan<byte> text, DecoderRules rules, bool[] isByte, bool first = false)
    {
        if (rules.Edits.Count > 0) text = Encoding.UTF8.GetBytes(rules.Edit(Encoding.UTF8.GetString(text), first));

        // A token with a character outside the alphabet, as added tokens may have, is text.
        if (rules.Bytes == ByteSpelling.ByteLevel && ByteAlphabet.TryDecode(text, builder.Room(text.Length), out var length))
        {
            builder.Add(id, length);
            return;
        }

        var mayBeByte = rules.Bytes == ByteSpelling.Fallback && text.Length == 6;
        var value = mayBeByte ? DecoderRules.FallbackByte(Encoding.UTF8.GetString(text)) : -1;
        if (value < 0) builder.Add(id, text);
        else builder.Add(id, [(byte)value]);
        if (value >= 0) isByte[id] = true;
    }
}
