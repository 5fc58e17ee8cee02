using Stoker.Engine.Weights;

namespace Stoker.Engine.Kernels;

/// <remarks>Addons, value by value.</remarks>
internal sealed unsafe partial class ReferenceKernels
{
    public override void Shrink(
        in ShrinkPart part, int first, int end, int columns, float* x, long strideX, int rows, float* h, int strideH)
    {
        for (var t = 0; t < rows; t++)
        {
            for (var r = first; r < end; r++)
            {
                var sum = 0.0;
                for (var k = 0; k < columns; k++)
                {
                    sum += (double)Value(part.Weights + ((long)r * columns), k) * x[(t * strideX) + k];
                }

                h[(t * strideH) + r] = (float)(sum * part.Scale);
            }
        }
    }

    public override void Expand(ushort* b, int rank, float* h, int strideH, int rows, float** y, int count)
    {
        for (var t = 0; t < rows; t++)
        {
            for (var o = 0; o < count; o++)
            {
                var sum = 0.0;
                for (var r = 0; r < rank; r++)
                {
                    sum += (double)Value(b + (r * LowRankLayout.Chunk), o) * h[(t * strideH) + r];
                }

                y[t][o] += (float)sum;
            }
        }
    }

    private static float Value(ushort* row, int index)
    {
        var chunk = index / LowRankLayout.Chunk * LowRankLayout.Chunk;
        return BFloat16.ToSingle(row[chunk + LowRankLayout.Place(index - chunk)]);
    }
}
