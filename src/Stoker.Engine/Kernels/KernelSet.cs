namespace Stoker.Engine.Kernels;

/// <summary>The few operations that a decoder is made of, in one implementation. All arithmetic is float32.</summary>
/// <remarks>
/// The law of every set: an output depends on its own inputs alone. One accumulator per output, summed in an order that
/// follows from the weight's shape, never from the number of tokens, the rows asked for or the thread. Sets differ from
/// each other within a tolerance; inside one set the same inputs give the same bits.
/// Inputs and outputs do not overlap unless an operation says that it works in place.
/// </remarks>
internal abstract unsafe partial class KernelSet
{
    /// <summary>As in options and metrics: part of a result's identity.</summary>
    public abstract string Name { get; }

    /// <summary>y = x / sqrt(mean(x²) + epsilon) · weight; all of one length. y may be x.</summary>
    public abstract void RmsNorm(ReadOnlySpan<float> x, ReadOnlySpan<float> weight, float epsilon, Span<float> y);

    /// <summary>sum = x + branch, and y its norm: the bits of <see cref="Add"/> and <see cref="RmsNorm"/>. y may be sum.</summary>
    public virtual void AddRmsNorm(
        ReadOnlySpan<float> x, ReadOnlySpan<float> branch, ReadOnlySpan<float> weight, float epsilon, Span<float> sum, Span<float> y)
    {
        branch.CopyTo(sum);
        Add(sum, x);
        RmsNorm(sum, weight, epsilon, y);
    }

    /// <summary>
    /// In place, for the first 2n values of a head: pairs (i, i + n) turn by the angle with cos[i], sin[i]. cos, sin:
    /// [n].
    /// </summary>
    public abstract void Rotate(Span<float> head, ReadOnlySpan<float> cos, ReadOnlySpan<float> sin);

    /// <summary>In place: gate = silu(gate) · up, silu(x) = x / (1 + e^-x).</summary>
    public abstract void SiluMultiply(Span<float> gate, ReadOnlySpan<float> up);

    /// <summary>In place: gate = gelu(gate) · up, the tanh form: 0.5x(1 + tanh(sqrt(2/pi)(x + 0.044715x³))).</summary>
    public abstract void GeluMultiply(Span<float> gate, ReadOnlySpan<float> up);

    /// <summary>In place: x += y.</summary>
    public abstract void Add(Span<float> x, ReadOnlySpan<float> y);

    /// <summary>In place: x += scale · y, with one rounding (fused).</summary>
    public abstract void AddScaled(Span<float> x, ReadOnlySpan<float> y, float scale);

    /// <summary>In place: x = cap · tanh(x / cap).</summary>
    public abstract void SoftCap(Span<float> x, float cap);

    /// <summary>
    /// In place: scores of one row become weights e^(s - peak), s = scale · score (capped), at positions first..end-1,
    /// and 0 at the others of the panels of 32 that these lie in. What stands there does not matter.
    /// </summary>
    public abstract SoftmaxPart Softmax(float* scores, int first, int end, AttentionScale scale);

    /// <summary>In place: each row's weighted values of some keys join those of the keys before them.</summary>
    /// <param name="totals">[rows][count], rows being the parts' number, at most 8, and count a multiple of 32.</param>
    /// <param name="values">Of the same shape.</param>
    public abstract void Merge(
        float* totals, Span<SoftmaxPart> totalParts, float* values, ReadOnlySpan<SoftmaxPart> parts, int count);
}
