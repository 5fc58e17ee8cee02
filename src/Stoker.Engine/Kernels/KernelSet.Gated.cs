using System.Runtime.CompilerServices;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Kernels;

/// <remarks>
/// The first half of an MLP. What gate and up give never lies in memory as floats: as soon as 128 columns of the next
/// product's input are there, they are rounded or quantised and packed, out of a cache and into the form which that product reads.
/// </remarks>
internal abstract unsafe partial class KernelSet
{
    /// <summary>Panels that make a whole group of the next product's columns, whatever its format.</summary>
    public const int GatedPanelsAtOnce = PanelLayout.Int8Group / PanelLayout.Rows;

    private const int GatedColumns = GatedPanelsAtOnce * PanelLayout.Rows;

    /// <summary>Floats that <see cref="MultiplyGated"/> needs for a batch of so many tokens.</summary>
    public static int GatedScratch(int tokens) =>
        tokens * (tokens <= TileTokens ? 2 * GatedColumns : GatedColumns + PanelLayout.Rows);

    /// <summary>
    /// Packs columns firstPanel · 32..endPanel · 32 - 1 of the next product's input, which are
    /// act(gate[r] · x[t] + bias) · (up[r] · x[t] + bias).
    /// </summary>
    /// <param name="firstPanel">A multiple of <see cref="GatedPanelsAtOnce"/>, and so is endPanel where it is not the last.</param>
    /// <param name="x">Packed for a weight of this format and these columns, with the same number of tokens.</param>
    /// <param name="scratch">On a cache line, of this thread alone; at least <see cref="GatedScratch"/>.</param>
    /// <param name="next">The matrix that is multiplied with the result.</param>
    /// <param name="target">Begun for next and the same tokens.</param>
    /// <param name="changes">What addons add to gate and up, and where inputs of what they add to the next product are kept.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void MultiplyGated(
        GatedPanels w, int firstPanel, int endPanel, ActivationBuffer x, int tokens, Span<float> scratch, PanelMatrix next,
        ActivationBuffer target, GatedChanges changes = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(scratch.Length, GatedScratch(tokens), nameof(scratch));
        ArgumentOutOfRangeException.ThrowIfNegative(firstPanel);
        ArgumentOutOfRangeException.ThrowIfNotEqual(firstPanel % GatedPanelsAtOnce, 0, nameof(firstPanel));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(endPanel, w.Gate.PanelCount);
        ArgumentOutOfRangeException.ThrowIfNotEqual(next.Columns, w.Gate.Rows, nameof(next));
        x.Check(FormOf(w.Gate.Format), w.Gate, tokens);
        target.Check(FormOf(next.Format), next, tokens);
        fixed (float* values = scratch)
        {
            for (var panel = firstPanel; panel < endPanel; panel += GatedPanelsAtOnce)
            {
                var end = Math.Min(panel + GatedPanelsAtOnce, endPanel);
                if (tokens <= TileTokens)
                {
                    MultiplyGroup(w, panel, end, x, tokens, values, changes);
                    PackGated(values, GatedColumns, PanelLayout.Rows, panel, tokens, next, target);
                }
                else
                {
                    MultiplyPlanes(w, panel, end, x, tokens, values, changes);
                    PackGated(values, PanelLayout.Rows, tokens * PanelLayout.Rows, panel, tokens, next, target);
                }
            }
        }

        GC.KeepAlive(w);
        GC.KeepAlive(x);
        GC.KeepAlive(next);
        GC.KeepAlive(target);
    }

    /// <summary>One tile: [tokens][128], all panels at once, as emitted kernels for one token hide their latency behind four.</summary>
    private void MultiplyGroup(GatedPanels w, int panel, int end, ActivationBuffer x, int tokens, float* gate, GatedChanges changes)
    {
        var up = gate + (tokens * GatedColumns);
        var row = panel * PanelLayout.Rows;
        MultiplyPanels(w.Gate, panel, end, x, tokens, gate - row, GatedColumns);
        MultiplyPanels(w.Up, panel, end, x, tokens, up - row, GatedColumns);
        Join(w, row, Math.Min(end * PanelLayout.Rows, w.Gate.Rows) - row, gate, up, tokens, GatedColumns, changes);
    }

    /// <summary>Many tiles: [panels][tokens][32], where the kernels leave their sums anyway.</summary>
    private void MultiplyPlanes(
        GatedPanels w, int firstPanel, int end, ActivationBuffer x, int tokens, float* gate, GatedChanges changes)
    {
        var up = gate + (tokens * GatedColumns);
        for (var panel = firstPanel; panel < end; panel++, gate += tokens * PanelLayout.Rows)
        {
            var row = panel * PanelLayout.Rows;
            MultiplyPanels(w.Gate, panel, panel + 1, x, tokens, gate - row, PanelLayout.Rows);
            MultiplyPanels(w.Up, panel, panel + 1, x, tokens, up - row, PanelLayout.Rows);
            Join(w, row, Math.Min(PanelLayout.Rows, w.Gate.Rows - row), gate, up, tokens, PanelLayout.Rows, changes);
        }
    }

    /// <summary>gate = act(gate + bias) · (up + bias). What lies beyond the matrix's rows is computed along and never packed.</summary>
    private void Join(
        GatedPanels w, int row, int count, float* gate, float* up, int tokens, int width, GatedChanges changes)
    {
        var gates = new Span<float>(gate, tokens * width);
        var ups = new Span<float>(up, tokens * width);
        AddBias(gates, width, w.GateBias, row, count);
        AddBias(ups, width, w.UpBias, row, count);
        for (var first = 0; changes.GateUp is not null && first < count; first += PanelLayout.Rows)
        {
            changes.GateUp.ExpandGated((row + first) / PanelLayout.Rows, gate + first, up + first, width);
        }

        if (w.Activation == Models.Activation.Silu)
        {
            SiluMultiply(gates, ups);
        }
        else
        {
            GeluMultiply(gates, ups);
        }

        changes.Down?.Capture(row, count, gate, width);
    }

    private void AddBias(Span<float> values, int width, float[]? bias, int firstRow, int count)
    {
        for (var start = 0; bias is not null && start < values.Length; start += width)
        {
            Add(values.Slice(start, count), bias.AsSpan(firstRow, count));
        }
    }

    /// <param name="values">Value (t, c) lies at t · stride + c / 32 · panelStride + c % 32.</param>
    [SkipLocalsInit]
    private void PackGated(
        float* values, int stride, int panelStride, int panel, int tokens, PanelMatrix next, ActivationBuffer target)
    {
        var rows = stackalloc float[TileTokens * GatedColumns];
        var (form, column) = (FormOf(next.Format), panel * PanelLayout.Rows);
        var (block, first) = (column / next.BlockColumns, column % next.BlockColumns);
        var columns = Math.Min(GatedColumns, next.Columns - column);
        var padded = Math.Min(GatedColumns, next.PaddedColumns - column);
        for (var token = 0; token < tokens; token += TileTokens)
        {
            var mr = Math.Min(TileTokens, tokens - token);
            for (var t = 0; t < mr; t++)
            {
                for (var c = 0; c < columns; c += PanelLayout.Rows)
                {
                    var source = values + ((long)(token + t) * stride) + ((long)(c / PanelLayout.Rows) * panelStride);
                    Unsafe.CopyBlock(rows + (t * GatedColumns) + c, source, (uint)Math.Min(PanelLayout.Rows, columns - c) * sizeof(float));
                }
            }

            ActivationPacker.Pack(
                form, rows, GatedColumns, columns, padded, mr, target.Tile(block, token / TileTokens) + (mr * form.TokenBytes(first)));
        }
    }
}
