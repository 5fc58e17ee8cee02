using System.Text;
using Stoker.Engine.Tokenization.Unicode;

namespace Stoker.Engine.Tests.Tokenization.Tables;

/// <summary>
/// A byte-level vocabulary as large as those of today's models: 256 bytes, then every two, three and four letters that
/// begin a chain, each with its merge, then special tokens.
/// </summary>
internal static class SyntheticVocabulary
{
    public const int Size = 128_256;
    public const int Special = 256;
    private const int Merged = Size - Special - 256;

    public static byte[] Json()
    {
        var (vocabulary, merges, added) = (new StringBuilder(), new StringBuilder(), new StringBuilder());
        var tokens = new List<string>(Size);
        for (var value = 0; value < 256; value++) tokens.Add(ByteAlphabet.ToCharacter((byte)value).ToString());
        var letters = Enumerable.Range('a', 26).Concat(Enumerable.Range('A', 26)).Select(letter => (char)letter).Append('Ġ').ToArray();
        var known = new HashSet<string>(tokens);
        for (var parent = (int)'a'; tokens.Count < Merged + 256; parent++)
        {
            foreach (var letter in letters)
            {
                if (tokens.Count == Merged + 256) break;
                if (!known.Add(tokens[parent] + letter)) continue;
                tokens.Add(tokens[parent] + letter);
                merges.Append(merges.Length == 0 ? "" : ",").Append(Text($"{tokens[parent]} {letter}"));
            }

            if (parent == 'z') parent = 255; // on with what was made
        }

        for (var id = 0; id < tokens.Count; id++) vocabulary.Append(id == 0 ? "" : ",").Append(Text(tokens[id])).Append(':').Append(id);
        for (var i = 0; i < Special; i++)
        {
            added.Append(i == 0 ? "" : ",").Append($$"""{"id":{{tokens.Count + i}},"content":"<|reserved_{{i}}|>","special":true}""");
        }

        return Encoding.UTF8.GetBytes($$"""
            {"added_tokens":[{{added}}],
             "normalizer":{"type":"NFC"},
             "pre_tokenizer":{"type":"Sequence","pretokenizers":[
               {"type":"Split","pattern":{"Regex":" ?\\p{L}+|\\p{N}{1,3}|\\s+|[^\\p{L}\\p{N}\\s]+"},"behavior":"Isolated"},
               {"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]},
             "decoder":{"type":"ByteLevel"},
             "model":{"type":"BPE","ignore_merges":true,"vocab":{ {{vocabulary}} },"merges":[{{merges}}] } }
            """);
    }

    private static string Text(string text) => $"\"{text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";
}
