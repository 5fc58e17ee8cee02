using System.Text;
using Stoker.Engine.Tokenization.Bpe;
using Stoker.Engine.Tokenization.Tables;
using Stoker.Engine.Tokenization.Unicode;

namespace Stoker.Engine.Tokenization.Decoding;

/// <summary>The bytes that a token stands for in an answer.</summary>
internal static class TokenValue
{
    /// <summary>Of every id, in the place where it stands behind others; marks the fallback bytes.</summary>
    public static TokenStrings OfAll(TokenTable texts, DecoderRules rules)
    {
        var values = new TokenStrings.Builder(texts.Size);
        for (var id = 0; id < texts.Size; id++)
        {
            if (!texts.Has(id)) values.Add(0);
            else if (Add(values, texts[id], rules, first: false)) texts.Flags.Writable()[id] |= TokenFlags.Byte;
        }

        return values.Build();
    }

    /// <summary>Of a token at the start of an answer.</summary>
    public static byte[] First(ReadOnlySpan<byte> text, DecoderRules rules)
    {
        var values = new TokenStrings.Builder(1);
        Add(values, text, rules, first: true);
        return values.Build()[0].ToArray();
    }

    /// <summary>True for a fallback byte.</summary>
    private static bool Add(TokenStrings.Builder values, ReadOnlySpan<byte> text, DecoderRules rules, bool first)
    {
        if (rules.Edits.Count > 0) text = Encoding.UTF8.GetBytes(rules.Edit(Encoding.UTF8.GetString(text), first));

        // A token with a character outside the alphabet, as added tokens may have, is text.
        if (rules.Bytes == ByteSpelling.ByteLevel && ByteAlphabet.TryDecode(text, values.Room(text.Length), out var length))
        {
            values.Add(length);
            return false;
        }

        var mayBeByte = rules.Bytes == ByteSpelling.Fallback && text.Length == 6;
        var value = mayBeByte ? DecoderRules.FallbackByte(Encoding.UTF8.GetString(text)) : -1;
        if (value < 0) values.Add(text);
        else values.Add([(byte)value]);
        return value >= 0;
    }
}
