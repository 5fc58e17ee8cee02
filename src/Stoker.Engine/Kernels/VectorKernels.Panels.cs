using System.Runtime.CompilerServices;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Kernels;

/// <remarks>
/// Products with panels: which tile meets which block of columns when. A panel's block passes all tiles of a range whose
/// activations fit into half of the level-2 cache; with few tokens a panel is one sequential read from memory.
/// </remarks>
internal unsafe partial class VectorKernels<TLanes, TVector>
{
    /// <summary>Half of a 1 MiB level-2 cache; the other half is for panels and outputs.</summary>
    private const int TileRangeBytes = 512 << 10;

    public override ActivationForm FormOf(WeightFormat format) =>
        format == WeightFormat.Int8 ? ActivationForm.Int16Group128 : ActivationForm.F32;

    public override void Tile(
        WeightFormat format, byte* panel, int columns, byte* a, int mr, float* c, int stride, bool accumulate) =>
        BlockTile(format, panel, columns, a, mr, c, stride, accumulate);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private protected override void MultiplyPanels(
        PanelMatrix w, int firstPanel, int endPanel, ActivationBuffer x, int tokens, float* y, int stride)
    {
        var tiles = TileCount(tokens);
        var tileBytes = FormOf(w.Format).TokenBytes(w.BlockColumns) * TileTokens;
        if ((long)tiles * tileBytes * w.BlockCount <= TileRangeBytes)
        {
            for (var panel = firstPanel; panel < endPanel; panel++)
            {
                for (var block = 0; block < w.BlockCount; block++)
                {
                    MultiplyBlock(w, panel, block, x, 0, tiles, tokens, y, stride);
                }
            }

            return;
        }

        var range = Math.Max(1, TileRangeBytes / tileBytes);
        for (var firstTile = 0; firstTile < tiles; firstTile += range)
        {
            for (var block = 0; block < w.BlockCount; block++)
            {
                for (var panel = firstPanel; panel < endPanel; panel++)
                {
                    MultiplyBlock(w, panel, block, x, firstTile, Math.Min(tiles, firstTile + range), tokens, y, stride);
                }
            }
        }
    }

    /// <summary>
    /// A panel's block in a form that this set's tiles read: decoded once for all tiles where they do not read the stored one.
    /// </summary>
    private protected virtual byte* Decode(ref WeightFormat format, byte* weights, int columns)
    {
        var stored = format;
        format = stored switch
        {
            WeightFormat.Fp8 => WeightFormat.Bf16, // exact
            WeightFormat.Fp4 => WeightFormat.F32, // with its scales a value has 13 bits
            _ => stored,
        };
        return format == stored ? weights : PanelDecoder.Decode(stored, weights, columns);
    }

    /// <summary>One tile over one block of columns.</summary>
    private protected virtual void BlockTile(
        WeightFormat format, byte* weights, int columns, byte* a, int mr, float* c, int stride, bool accumulate)
    {
        switch (format)
        {
            case WeightFormat.F32:
                FloatTile<SinglePanel>(weights, columns, (float*)a, mr, c, stride, accumulate);
                break;
            case WeightFormat.F16:
                FloatTile<HalfPanel>(weights, columns, (float*)a, mr, c, stride, accumulate);
                break;
            case WeightFormat.Bf16:
                FloatTile<BFloat16Panel>(weights, columns, (float*)a, mr, c, stride, accumulate);
                break;
            case WeightFormat.Int8:
                Int8Tile(weights, columns, a, mr, c, stride, accumulate);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(format), format, "not a format of this set's tiles");
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    private void MultiplyBlock(
        PanelMatrix w, int panel, int block, ActivationBuffer x, int firstTile, int endTile, int tokens, float* y, int stride)
    {
        var firstColumn = block * w.BlockColumns;
        var columns = Math.Min(w.BlockColumns, w.PaddedColumns - firstColumn);
        var format = w.Format;
        var weights = Decode(ref format, w.Panel(panel) + PanelLayout.ColumnOffset(format, firstColumn), columns);

        var rowScales = w.Format == WeightFormat.Fp8 && block == w.BlockCount - 1 ? (float*)w.Panel(panel) : null;
        var rows = Math.Min(PanelLayout.Rows, w.Rows - (panel * PanelLayout.Rows));
        var edge = stackalloc float[TileTokens * PanelLayout.Rows];
        for (var tile = firstTile; tile < endTile; tile++)
        {
            var mr = Math.Min(TileTokens, tokens - (tile * TileTokens));
            var target = y + ((long)tile * TileTokens * stride) + (panel * PanelLayout.Rows);
            var whole = rows == PanelLayout.Rows;
            var c = whole ? target : edge;
            var cStride = whole ? stride : PanelLayout.Rows;
            if (!whole && block > 0)
            {
                CopyRows(target, stride, edge, PanelLayout.Rows, rows, mr);
            }

            BlockTile(format, weights, columns, x.Tile(block, tile), mr, c, cStride, block > 0);
            if (rowScales is not null)
            {
                ScaleRows(c, cStride, rowScales, mr);
            }

            if (!whole)
            {
                CopyRows(edge, PanelLayout.Rows, target, stride, rows, mr);
            }
        }
    }

    private static void CopyRows(float* source, int sourceStride, float* target, int targetStride, int rows, int mr)
    {
        for (var t = 0; t < mr; t++)
        {
            new ReadOnlySpan<float>(source + ((long)t * sourceStride), rows).CopyTo(
                new Span<float>(target + ((long)t * targetStride), rows));
        }
    }

    private protected static void ScaleRows(float* c, int stride, float* scales, int mr)
    {
        for (var t = 0; t < mr; t++)
        {
            for (var row = 0; row < PanelLayout.Rows; row += TLanes.Count)
            {
                var target = c + ((long)t * stride) + row;
                TLanes.Store(target, TLanes.Multiply(TLanes.Load(target), TLanes.Load(scales + row)));
            }
        }
    }
}
