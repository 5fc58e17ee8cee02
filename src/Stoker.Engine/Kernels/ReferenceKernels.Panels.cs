using Stoker.Engine.Weights;

namespace Stoker.Engine.Kernels;

/// <remarks>Products with panels: rows read back one by one, float32 activations, sums in double.</remarks>
internal sealed unsafe partial class ReferenceKernels
{
    public override ActivationForm FormOf(WeightFormat format) => ActivationForm.F32;

    public override void Tile(
        WeightFormat format, byte* panel, int columns, byte* a, int mr, float* c, int stride, bool accumulate)
    {
        var row = new float[columns];
        for (var r = 0; r < PanelLayout.Rows; r++)
        {
            PanelReader.ReadRow(format, panel, r, row);
            for (var t = 0; t < mr; t++)
            {
                double sum = accumulate ? c[(t * stride) + r] : 0;
                for (var k = 0; k < columns; k++)
                {
                    sum += (double)row[k] * ((float*)a)[(k * mr) + t];
                }

                c[(t * stride) + r] = (float)sum;
            }
        }
    }

    private protected override void MultiplyPanels(
        PanelMatrix w, int firstPanel, int endPanel, ActivationBuffer x, int tokens, float* y, int stride)
    {
        var row = new float[w.Columns];
        for (var r = firstPanel * PanelLayout.Rows; r < Math.Min(w.Rows, endPanel * PanelLayout.Rows); r++)
        {
            w.ReadRow(r, row);
            for (var t = 0; t < tokens; t++)
            {
                var (sum, mr) = (0.0, Math.Min(TileTokens, tokens - (t / TileTokens * TileTokens)));
                for (var block = 0; block < w.BlockCount; block++)
                {
                    var tile = (float*)x.Tile(block, t / TileTokens);
                    var first = block * w.BlockColumns;
                    for (var k = first; k < Math.Min(w.Columns, first + w.BlockColumns); k++)
                    {
                        sum += (double)row[k] * tile[((k - first) * mr) + (t % TileTokens)];
                    }
                }

                y[((long)t * stride) + r] = (float)sum;
            }
        }
    }
}
