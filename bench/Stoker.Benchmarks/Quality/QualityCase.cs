using Stoker.Engine;

namespace Stoker.Benchmarks.Quality;

/// <summary>One way to run the model, and what it may cost.</summary>
/// <param name="Weights">As the engine spells it.</param>
/// <param name="Percent">Perplexity may move so far from the unquantised reference's.</param>
/// <param name="Divergence">Mean Kullback-Leibler divergence of the next token, in nats, may be so large.</param>
/// <param name="Scheme">The reference's nearest scheme, printed for comparison; null: it has none.</param>
/// <remarks>
/// The texts are short: about one percent of perplexity is noise, and the divergence, over every token of the vocabulary,
/// says more. Bounds stand somewhat above what is measured; they find a broken kernel or quantiser.
/// </remarks>
internal sealed record QualityCase(string Weights, KvPrecision Kv, double Percent, double Divergence, string? Scheme)
{
    public static readonly QualityCase[] All =
    [
        new("f32", KvPrecision.F32, 0.05, 1e-5, HeldOutTexts.Unquantised),
        new("bf16", KvPrecision.Bf16, 0.5, 1e-3, HeldOutTexts.Unquantised),
        new("int8", KvPrecision.Bf16, 1, 5e-3, "int8_per_row__linear_layers_and_embedding"),
        new("fp8", KvPrecision.Bf16, 1.5, 6e-3, "fp8_e4m3_per_row__linear_layers_and_embedding"),
        new("fp4", KvPrecision.Bf16, 6, 0.1, "int4_symmetric_group32__linear_layers_and_embedding"),
        new("bf16", KvPrecision.Fp8, 1.5, 0.012, null),
        new("fp8", KvPrecision.Fp8, 2.5, 0.018, null),
    ];

    public string Name => $"{Weights}, {Kv.ToString().ToLowerInvariant()}";

    /// <summary>What is wrong with a result; null when it holds.</summary>
    public string? Fault(QualityResult result, double reference)
    {
        var percent = Math.Abs(result.PercentOf(reference));
        return percent <= Percent && result.Divergence <= Divergence // not a number fails both
            ? null
            : FormattableString.Invariant(
                $"{Name}: perplexity {result.Perplexity:F3} is {percent:F2} % from the reference's {reference:F3} ({Percent} % are allowed), divergence {result.Divergence:E1} ({Divergence:E1})");
    }
}

/// <summary>What one run gave.</summary>
internal readonly record struct QualityResult(double Perplexity, double Divergence)
{
    public double PercentOf(double reference) => ((Perplexity / reference) - 1) * 100;
}
