namespace Stoker.Engine.Kernels;

/// <param name="Factor">Multiplies every score; above 0.</param>
/// <param name="SoftCap">0: none; else s becomes cap · tanh(s / cap).</param>
internal readonly record struct AttentionScale(float Factor, float SoftCap);

/// <summary>What a softmax over some of the keys leaves beside the weighted values.</summary>
/// <param name="Peak">The highest score.</param>
/// <param name="Sum">Of e^(score - peak).</param>
internal readonly record struct SoftmaxPart(float Peak, float Sum)
{
    /// <summary>Of no keys.</summary>
    public static SoftmaxPart None => new(float.NegativeInfinity, 0);
}
