using System.Text.Json;
using Stoker.Engine.Tokenization.Patterns;
using Stoker.Engine.Tokenization.Unicode;

namespace Stoker.Benchmarks.Encode;

/// <summary>
/// A tokenizer.json in Llama-3's structure: 256 bytes, then every beginning of made-up words, with and without a space,
/// short ones first, then added tokens.
/// </summary>
internal static class SyntheticVocabulary
{
    private const int Entries = 128_000;

    /// <summary>128,000 entries, Llama-3's pattern, no added tokens.</summary>
    public static byte[] Build(string[] words) => Build(words, Entries, KnownPatterns.Llama3, []);

    /// <param name="entries">Bytes and merges; ids 0 and on.</param>
    /// <param name="added">Special tokens, with the ids after them. The first one is put in front of every text.</param>
    /// <exception cref="ArgumentException">The words have too few beginnings.</exception>
    public static byte[] Build(string[] words, int entries, string pattern, string[] added)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            var merges = Merges(words, entries - 256);
            json.WriteStartObject();
            WriteAdded(json, added, entries);
            json.WritePropertyName("pre_tokenizer");
            json.WriteRawValue($$"""
                {"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":{{JsonSerializer.Serialize(pattern)}}},"behavior":"Isolated","invert":false},
                 {"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]}
                """);
            if (added.Length > 0) WritePostProcessor(json, added[0], entries);
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

    private static void WriteAdded(Utf8JsonWriter json, string[] added, int firstId)
    {
        json.WriteStartArray("added_tokens");
        for (var index = 0; index < added.Length; index++)
        {
            json.WriteRawValue($$"""
                {"id":{{firstId + index}},"content":{{JsonSerializer.Serialize(added[index])}},"single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}
                """);
        }
        json.WriteEndArray();
    }

    private static void WritePostProcessor(Utf8JsonWriter json, string first, int id)
    {
        var token = JsonSerializer.Serialize(first);
        json.WritePropertyName("post_processor");
        json.WriteRawValue($$$"""
            {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":{{{token}}},"type_id":0}},{"Sequence":{"id":"A","type_id":0}}],
             "pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":1}}],
             "special_tokens":{ {{{token}}}:{"id":{{{token}}},"ids":[{{{id}}}],"tokens":[{{{token}}}]} } }
            """);
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

    private static List<(string Left, string Right)> Merges(string[] words, int count)
    {
        var (known, merges) = (new HashSet<string>(), new List<(string, string)>());
        for (var (length, before) = (2, -1); merges.Count < count; length++)
        {
            if (merges.Count == before) throw new ArgumentException($"The words have {before} beginnings, {count} are needed.", nameof(words));
            before = merges.Count;
            foreach (var word in words)
            {
                Add(word, length);
                Add("\u0120" + word, length);
                if (merges.Count == count) break;
            }
        }

        return merges;

        void Add(string word, int length)
        {
            if (merges.Count < count && word.Length >= length && known.Add(word[..length])) merges.Add((word[..(length - 1)], word[(length - 1)..length]));
        }
    }
}
