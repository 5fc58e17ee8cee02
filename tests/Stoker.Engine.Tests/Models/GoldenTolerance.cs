namespace Stoker.Engine.Tests.Models;

/// <summary>How near a kernel set comes to the reference, which is float32 PyTorch with five decimals.</summary>
/// <param name="Logit">Of one logit.</param>
/// <param name="Length">Of the length of a row of logits, relative.</param>
/// <param name="LogProbability">Of one token.</param>
/// <param name="Sum">Of a text's log-probability, some 40 tokens.</param>
/// <param name="Tie">Two tokens whose exact logits differ by less may change places.</param>
internal sealed record GoldenTolerance(double Logit, double Length, double LogProbability, double Sum, double Tie)
{
    /// <summary>A fifth of what a different order of float32 sums is commonly allowed. No near tie beyond those that the goldens name.</summary>
    private static readonly GoldenTolerance Single = new(2e-4, 8e-6, 2e-4, 2e-3, 0);

    /// <summary>
    /// Activations of 8 significant bits: each of a layer's four products adds a relative error of 2^-9 / sqrt(3) = 0.11 %,
    /// as if drawn at random. The fixtures' logits, of size 3, are off by 1 % (they amplify: their weights are random), at
    /// the worst of thousands by 3 % = 0.09; the trained models' by 0.025.
    /// </summary>
    private static readonly GoldenTolerance RoundedActivations = new(0.15, 0.005, 0.2, 0.3, 0.3);

    public static GoldenTolerance Of(string kernels) => kernels == "emitted" ? RoundedActivations : Single;
}
