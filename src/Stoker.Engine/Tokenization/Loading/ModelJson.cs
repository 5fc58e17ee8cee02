using System.Text.Json;
using Stoker.Engine.Tokenization.Bpe;

namespace Stoker.Engine.Tokenization.Loading;

/// <summary>The <c>model</c> of tokenizer.json: a BPE with its options, vocabulary and merges.</summary>
internal sealed class ModelJson
{
    private ModelJson(ComponentJson options, TokenTableBuilder vocabulary, List<(int Left, int Right, int Id)> merges) =>
        (Options, Vocabulary, Merges) = (options, vocabulary, merges);

    /// <summary>Everything but the vocabulary and the merges.</summary>
    public ComponentJson Options { get; }

    public TokenTableBuilder Vocabulary { get; }

    /// <summary>Ids of left part, right part and result; the rank is the position.</summary>
    public List<(int Left, int Right, int Id)> Merges { get; }

    public static ModelJson Read(ref Utf8JsonReader reader)
    {
        JsonWalk.Require(ref reader, JsonTokenType.StartObject, "model");
        var start = reader;
        var options = ReadOptions(ref reader, out var hasVocabulary, out var hasMerges);
        RefuseOtherModels(options);
        if (!hasVocabulary) throw new ModelLoadException(TokenizerFile.Name, "model.vocab", "is missing");
        if (!hasMerges) throw new ModelLoadException(TokenizerFile.Name, "model.merges", "is missing");

        // A second pass, because merges can be read only when the vocabulary is known and nothing orders the two.
        var mergesAt = default(Utf8JsonReader);
        var vocabulary = new TokenTableBuilder();
        while (JsonWalk.NextMember(ref start, out var key))
        {
            if (key == "merges") mergesAt = start;
            if (key == "vocab") VocabularyReader.Read(ref start, vocabulary);
            else start.Skip();
        }

        var table = VocabularyReader.Check(vocabulary);
        return new ModelJson(options, vocabulary, MergesReader.Read(ref mergesAt, table)) { Table = table };
    }

    /// <summary>The vocabulary without the added tokens.</summary>
    public required TokenTable Table { get; init; }

    private static ComponentJson ReadOptions(ref Utf8JsonReader reader, out bool hasVocabulary, out bool hasMerges)
    {
        (hasVocabulary, hasMerges) = (false, false);
        var options = new Dictionary<string, JsonElement>();
        while (JsonWalk.NextMember(ref reader, out var key))
        {
            var twice = key switch { "vocab" => hasVocabulary, "merges" => hasMerges, _ => options.ContainsKey(key) };
            if (twice) throw new ModelLoadException(TokenizerFile.Name, $"model.{key}", "occurs twice");
            if (key == "vocab") hasVocabulary = true;
            if (key == "merges") hasMerges = true;
            if (key is "vocab" or "merges") reader.Skip();
            else options[key] = JsonElement.ParseValue(ref reader);
        }

        return new ComponentJson(JsonSerializer.SerializeToElement(options), "model");
    }

    private static void RefuseOtherModels(ComponentJson options)
    {
        // Old files leave the type out when it is BPE.
        if (options.Member("type") is { IsNull: false } type && type.AsText() != "BPE")
        {
            throw options.Unsupported("the model", "BPE");
        }
        if (options.Member("dropout") is { IsNull: false, Json: var rate } dropout
            && !(rate.ValueKind == JsonValueKind.Number && rate.TryGetDouble(out var value) && value == 0))
        {
            throw dropout.Error("must be null or 0: dropping merges at random is for training");
        }

        foreach (var affix in (string[])["continuing_subword_prefix", "end_of_word_suffix"])
        {
            if (options.Member(affix) is { IsNull: false } member && member.AsText() is not "")
            {
                throw member.Error("is not supported; supported are null and the empty string");
            }
        }
    }
}
