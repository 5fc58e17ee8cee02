using System.Text.Json;
using System.Text.Json.Serialization;

namespace Stoker.Engine.Tests.Models;

/// <summary>Reference outputs of one model: PyTorch, weights as stored, float32 arithmetic.</summary>
internal sealed record GoldenFile(
    [property: JsonPropertyName("prompts")] GoldenPrompt[] Prompts,
    [property: JsonPropertyName("logprob")] GoldenLogProbabilities LogProbabilities,
    [property: JsonPropertyName("held_out")] GoldenHeldOut? HeldOut)
{
    public static GoldenFile Read(string path) => JsonSerializer.Deserialize<GoldenFile>(File.ReadAllText(path))!;
}

internal sealed record GoldenPrompt(
    [property: JsonPropertyName("text")] string Text,
    [property: JsonPropertyName("input_ids")] int[] InputIds,
    [property: JsonPropertyName("last_logits_top20")] double[][] Top20,
    [property: JsonPropertyName("last_logits_l2")] double L2,
    [property: JsonPropertyName("last_logits_full")] double[]? Full,
    [property: JsonPropertyName("greedy_ids")] int[] GreedyIds,
    [property: JsonPropertyName("greedy_first_gap_below_0_01")] int? FirstNearTie);

internal sealed record GoldenLogProbabilities(
    [property: JsonPropertyName("input_ids")] int[] InputIds,
    [property: JsonPropertyName("sum_logprob")] double Sum,
    [property: JsonPropertyName("token_logprobs")] double[] Tokens);

internal sealed record GoldenHeldOut(
    [property: JsonPropertyName("texts")] string[]? Texts,
    [property: JsonPropertyName("results")] Dictionary<string, GoldenPerplexity> Results);

internal sealed record GoldenPerplexity(
    [property: JsonPropertyName("mean_nll")] double MeanNll,
    [property: JsonPropertyName("perplexity")] double Perplexity,
    [property: JsonPropertyName("tokens")] int Tokens);
