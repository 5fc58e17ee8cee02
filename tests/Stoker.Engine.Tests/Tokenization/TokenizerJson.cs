using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Stoker.Engine.Tests.Tokenization.Tables;
using Stoker.Engine.Tokenization;

namespace Stoker.Engine.Tests.Tokenization;

/// <summary>Small tokenizer.json files, built part by part. Ids of the vocabulary are positions.</summary>
internal sealed class TokenizerJson
{
    private readonly JsonObject _root = new()
    {
        ["version"] = "1.0",
        ["added_tokens"] = new JsonArray(),
        ["model"] = new JsonObject { ["type"] = "BPE", ["vocab"] = new JsonObject(), ["merges"] = new JsonArray() },
    };

    public JsonObject Model => (JsonObject)_root["model"]!;

    public TokenizerJson Vocabulary(params string[] tokens)
    {
        foreach (var token in tokens) Model["vocab"]!.AsObject().Add(token, Model["vocab"]!.AsObject().Count);
        return this;
    }

    /// <summary>All 256 characters of the byte alphabet, ids 0 to 255 in the order of the bytes.</summary>
    public TokenizerJson ByteVocabulary() =>
        Vocabulary([.. Enumerable.Range(0, 256).Select(value => Engine.Tokenization.Unicode.ByteAlphabet.ToCharacter((byte)value).ToString())]);

    public TokenizerJson Merges(params string[] merges)
    {
        foreach (var merge in merges)
        {
            Model["merges"]!.AsArray().Add(merge);
            var result = merge.Replace(" ", "", StringComparison.Ordinal);
            if (!Model["vocab"]!.AsObject().ContainsKey(result)) Vocabulary(result);
        }

        return this;
    }

    public TokenizerJson Option(string name, JsonNode? value)
    {
        Model[name] = value;
        return this;
    }

    public TokenizerJson Part(string key, [System.Diagnostics.CodeAnalysis.StringSyntax(System.Diagnostics.CodeAnalysis.StringSyntaxAttribute.Json)] string json)
    {
        _root[key] = JsonNode.Parse(json);
        return this;
    }

    public TokenizerJson Added(int id, string content, string flags = "")
    {
        var token = new JsonObject { ["id"] = id, ["content"] = content };
        foreach (var flag in flags.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            token[flag.TrimStart('!')] = !flag.StartsWith('!');
        }
        _root["added_tokens"]!.AsArray().Add(token);
        return this;
    }

    /// <summary>GPT-2's stack without merges: ids are bytes.</summary>
    public static TokenizerJson Bytes() => new TokenizerJson().ByteVocabulary()
        .Part("pre_tokenizer", """{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}""")
        .Part("decoder", """{"type":"ByteLevel"}""");

    /// <summary>The tokenizer of this file, by way of its tables: what a test holds has been written and opened.</summary>
    public Tokenizer Load() => TablesSection.Reopen(Tokenizer.Parse(Encoding.UTF8.GetBytes(ToString())));

    public override string ToString() => _root.ToJsonString(new JsonSerializerOptions { WriteIndented = false });
}
