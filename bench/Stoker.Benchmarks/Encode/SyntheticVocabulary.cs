using System.Text.Json;
using Stoker.Engine.Tokenization.Patterns;
using Stoker.Engine.Tokenization.Unicode;

namespace Stoker.Benchmarks.Encode;

/// <summary>
/// A tokenizer.json of 128,000 entries in Llama-3's structure: 256 bytes, then every beginning of made-up words, with
/// and without a space, short ones first.
/// </summary>
internal static class SyntheticVocabulary
{
    private const int Entries = 128_000;

    public static byte[] Build(string[] words)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            var merges = Merges(words);
            json.WriteStartObject();
            json.WritePropertyName("pre_tokenizer");
            json.WriteRawValue($$"""
                {"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":{{JsonSerializer.Serialize(KnownPatterns.Llama3)}}},"behavior":"Isolated","invert":false},
                 {"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]}
                """);
            json.WritePropertyName("decoder");
            json.WriteRawValue("""{"type":"ByteLevel"}""");
            json.WriteStartObject("model");
            json.WriteString("type", "BPE");
            WriteVocabulary(json, merges);
            json.WriteStartArray("merges");
            foreach (var (left, right) in merges) json.WriteStringValue($"{left} {right}");
            json.WriteEndArray();
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return buffer.ToArray();
    }

    private static void WriteVocabulary(Utf8JsonWriter json, List<(string Left, string Right)> merges)
    {
        var id = 0;
        json.WriteStartObject("vocab");
        for (var value = 0; value < 256; value++)
        {
            json.WriteNumber(ByteAlphabet.ToCharacter((byte)value).ToString(), id++);
        }
        foreach (var (left, right) in merges) json.WriteNumber(left + right, id++);
        json.WriteEndObject();
    }

    private static List<(string Left, string Right)> Merges(string[] words)
    {
        var (known, merges) = (new HashSet<string>(), new List<(string, string)>());
        for (var length = 2; merges.Count < Entries - 256; length++)
        {
            foreach (var word in words)
            {
                if (merges.Count == Entries - 256) break;
                Add(word, length);
                Add("\u0120" + word, length);
            }
        }

        return merges;

        void Add(string word, int length)
        {
            if (word.Length >= length && known.Add(word[..length])) merges.Add((word[..(length - 1)], word[(length - 1)..length]));
        }
    }
}
