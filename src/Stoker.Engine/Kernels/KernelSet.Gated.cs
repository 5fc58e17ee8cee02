using System.Runtime.CompilerServices;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Kernels;

internal abstract unsafe partial class KernelSet
{
    /// <summary>Panels at a time with few tokens: emitted kernels for one token hide their latency behind four.</summary>
    private const int GatedPanelsAtOnce = 4;

    /// <summary>Floats that <see cref="MultiplyGated"/> needs for a batch of so many tokens.</summary>
    public static int GatedScratch(int tokens) => 2 * tokens * PanelLayout.Rows * PanelsFor(tokens);

    /// <summary>y[t · stride + r] = act(gate[r] · x[t] + bias) · (up[r] · x[t] + bias) for the rows of panels firstPanel..endPanel-1.</summary>
    /// <param name="x">Packed for a weight of this format and these columns, with the same number of tokens.</param>
    /// <param name="scratch">On a cache line, of this thread alone; at least <see cref="GatedScratch"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void MultiplyGated(
        GatedPanels w, int firstPanel, int endPanel, ActivationBuffer x, int tokens, Span<float> scratch, Span<float> y, int stride)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(scratch.Length, GatedScratch(tokens), nameof(scratch));
        ArgumentOutOfRangeException.ThrowIfNegative(firstPanel);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(endPanel, w.Gate.PanelCount);
        x.Check(FormOf(w.Gate.Format), w.Gate, tokens);
        var chunk = PanelsFor(tokens);
        var width = chunk * PanelLayout.Rows;
        var gates = scratch[..(tokens * width)];
        var ups = scratch.Slice(tokens * width, tokens * width);
        fixed (float* gate = gates, up = ups)
        {
            for (var panel = firstPanel; panel < endPanel; panel += chunk)
            {
                var end = Math.Min(panel + chunk, endPanel);
                var row = panel * PanelLayout.Rows;
                MultiplyPanels(w.Gate, panel, end, x, tokens, gate - row, width);
                MultiplyPanels(w.Up, panel, end, x, tokens, up - row, width);
                var count = Math.Min(end * PanelLayout.Rows, w.Gate.Rows) - row;
                AddBias(gates, width, w.GateBias, row, count);
                AddBias(ups, width, w.UpBias, row, count);
                Activate(w.Activation, gates, ups);
                for (var t = 0; t < tokens; t++)
                {
                    gates.Slice(t * width, count).CopyTo(y.Slice((t * stride) + row, count));
                }
            }
        }

        GC.KeepAlive(w);
        GC.KeepAlive(x);
    }

    private static int PanelsFor(int tokens) => tokens <= TileTokens ? GatedPanelsAtOnce : 1;

    private void AddBias(Span<float> values, int width, float[]? bias, int firstRow, int count)
    {
        for (var start = 0; bias is not null && start < values.Length; start += width)
        {
            Add(values.Slice(start, count), bias.AsSpan(firstRow, count));
        }
    }

    /// <summary>Outputs of rows beyond the matrix are computed along and never written.</summary>
    private void Activate(Models.Activation activation, Span<float> gates, ReadOnlySpan<float> ups)
    {
        if (activation == Models.Activation.Silu)
        {
            SiluMultiply(gates, ups);
        }
        else
        {
            GeluMultiply(gates, ups);
        }
    }
}
