using Stoker.Engine.Tokenization.Bpe;
using Stoker.Engine.Tokenization.Unicode;

namespace Stoker.Engine.Tokenization.Decoding;

/// <summary>The bytes that each id stands for in an answer, worked out once at load.</summary>
internal static class TokenBytes
{
    public static TokenTable Build(TokenTable texts, DecoderRules rules)
    {
        var builder = new TokenTable.Builder();
        for (var id = 0; id < texts.Size; id++)
        {
            if (texts.Has(id)) Add(builder, id, texts[id], rules);
        }

        return builder.Build(texts.Size, out _); // two tokens may well stand for the same bytes
    }

    private static void Add(TokenTable.Builder builder, int id, ReadOnlySpan<byte> text, DecoderRules rules)
    {
        // A token with a character outside the alphabet, as added tokens may have, is text.
        if (rules.Bytes == ByteSpelling.ByteLevel && ByteAlphabet.TryDecode(text, builder.Room(text.Length), out var length)) builder.Add(id, length);
        else builder.Add(id, text);
    }
}
