using System.Buffers;
using System.Text.Json;
using Stoker.Engine.Tokenization.Bpe;

namespace Stoker.Engine.Tokenization.Loading;

/// <summary>Reads <c>model.merges</c>, either <c>"a b"</c> strings or <c>["a", "b"]</c> pairs.</summary>
internal static class MergesReader
{
    public static List<(int Left, int Right, int Id)> Read(ref Utf8JsonReader reader, TokenTable vocabulary)
    {
        JsonWalk.Require(ref reader, JsonTokenType.StartArray, "model.merges");
        var merges = new List<(int, int, int)>();
        var text = new ArrayBufferWriter<byte>(256);
        while (true)
        {
            if (!reader.Read()) throw new JsonException();
            if (reader.TokenType == JsonTokenType.EndArray) return merges;
            text.ResetWrittenCount();
            var split = reader.TokenType == JsonTokenType.StartArray
                ? ReadPair(ref reader, text, merges.Count)
                : ReadText(ref reader, text, merges.Count);
            merges.Add(Resolve(text.WrittenSpan, split, vocabulary, merges.Count));
        }
    }

    /// <summary>Leaves left and right part, joined, in the buffer and returns the length of the left one.</summary>
    private static int ReadText(ref Utf8JsonReader reader, ArrayBufferWriter<byte> text, int rank)
    {
        if (reader.TokenType != JsonTokenType.String)
        {
            throw Error(rank, $"a string or a pair was expected, found {reader.TokenType}");
        }
        Append(ref reader, text);
        var space = text.WrittenSpan.IndexOf((byte)' ');
        if (space <= 0 || space != text.WrittenSpan.LastIndexOf((byte)' ') || space == text.WrittenCount - 1)
        {
            throw Error(rank, "two parts with one space between them were expected");
        }

        var right = text.WrittenSpan[(space + 1)..].ToArray();
        var left = text.WrittenSpan[..space].ToArray();
        text.ResetWrittenCount();
        text.Write(left);
        text.Write(right);
        return space;
    }

    private static int ReadPair(ref Utf8JsonReader reader, ArrayBufferWriter<byte> text, int rank)
    {
        Span<int> ends = stackalloc int[2];
        for (var part = 0; part < 2; part++)
        {
            if (!reader.Read()) throw new JsonException();
            if (reader.TokenType != JsonTokenType.String)
            {
                throw Error(rank, $"two strings were expected, found {reader.TokenType}");
            }
            Append(ref reader, text);
            ends[part] = text.WrittenCount;
        }

        if (!reader.Read()) throw new JsonException();
        if (reader.TokenType != JsonTokenType.EndArray) throw Error(rank, "exactly two strings were expected");
        if (ends[0] == 0 || ends[0] == ends[1]) throw Error(rank, "a part is empty");
        return ends[0];
    }

    private static void Append(ref Utf8JsonReader reader, ArrayBufferWriter<byte> text)
    {
        var room = text.GetSpan(Math.Max(1, reader.ValueSpan.Length));
        text.Advance(reader.CopyString(room));
    }

    private static (int Left, int Right, int Id) Resolve(ReadOnlySpan<byte> text, int split, TokenTable vocabulary, int rank)
    {
        var (left, right, id) = (vocabulary.Find(text[..split]), vocabulary.Find(text[split..]), vocabulary.Find(text));
        if (left < 0) throw Error(rank, "its left part is not in the vocabulary");
        if (right < 0) throw Error(rank, "its right part is not in the vocabulary");
        if (id < 0) throw Error(rank, "its result is not in the vocabulary");
        return (left, right, id);
    }

    private static ModelLoadException Error(int rank, string reason) =>
        new(TokenizerFile.Name, $"model.merges[{rank}]", reason);
}
