namespace Stoker.Engine.Kernels;

/// <remarks>
/// The two halves of what an addon adds. float32 inputs and sums, bf16 weights; an output is one sum in one order, so a row's
/// bits do not depend on the rows that it is computed with.
/// </remarks>
internal abstract unsafe partial class KernelSet
{
    /// <summary>Rows that one call takes at most: they share each load of the weights.</summary>
    public const int LowRankRows = 4;

    /// <summary>h[t · strideH + r] = scale · sum over k of a[r, k] · x[t · strideX + k] for r in first..end-1.</summary>
    /// <param name="part">Offset is not applied: h points to the first value of the part.</param>
    /// <param name="columns">Padded; x has zeros there.</param>
    /// <param name="rows">1 to <see cref="LowRankRows"/>.</param>
    public abstract void Shrink(
        in ShrinkPart part, int first, int end, int columns, float* x, long strideX, int rows, float* h, int strideH);

    /// <summary>y[o] += sum over r of b[r, o] · h[r] for the first <paramref name="count"/> outputs of one panel and each row.</summary>
    /// <param name="b">[rank][32].</param>
    /// <param name="h">Of the part, row t at t · strideH.</param>
    /// <param name="y">Of each row, the panel's first output.</param>
    public abstract void Expand(ushort* b, int rank, float* h, int strideH, int rows, float** y, int count);
}
