using System.Text.Json;
using Stoker.Engine.Tokenization;

namespace Stoker.Benchmarks.Quality;

/// <summary>The texts that story-3m was not trained on, and what the reference says of them.</summary>
/// <param name="Tokens">Each text as bos, tokens, end of text, scored alone.</param>
/// <param name="Perplexities">Of the reference: weights simulated in some scheme, float32 arithmetic.</param>
/// <param name="ScoredTokens">All of them but each text's first.</param>
internal sealed record HeldOutTexts(int[][] Tokens, IReadOnlyDictionary<string, double> Perplexities, int ScoredTokens)
{
    public const string Unquantised = "bf16_weights_fp32_math";

    private const int EndOfText = 2041;

    public static HeldOutTexts Read(string modelFolder, string goldenFile)
    {
        using var golden = JsonDocument.Parse(File.ReadAllBytes(goldenFile));
        var heldOut = golden.RootElement.GetProperty("held_out");
        var tokenizer = Tokenizer.Load(modelFolder);
        int[][] tokens = [.. heldOut.GetProperty("texts").EnumerateArray()
            .Select(text => (int[])[.. tokenizer.Encode(text.GetString()!, addSpecialTokens: true), EndOfText])];
        var results = heldOut.GetProperty("results").EnumerateObject()
            .ToDictionary(result => result.Name, result => result.Value.GetProperty("perplexity").GetDouble(), StringComparer.Ordinal);
        var scored = heldOut.GetProperty("results").GetProperty(Unquantised).GetProperty("tokens").GetInt32();
        return tokens.Sum(text => text.Length - 1) == scored
            ? new(tokens, results, scored)
            : throw new BenchFailedException($"the texts have {tokens.Sum(text => text.Length - 1)} tokens to score, the reference has {scored}: another tokenizer");
    }
}
