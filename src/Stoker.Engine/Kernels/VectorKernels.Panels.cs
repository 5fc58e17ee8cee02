using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Kernels;

/// <remarks>
/// Products with panels: which tile meets which block of columns when. A panel is read from memory once, block by block,
/// and each block meets all tiles. Sums on the way stay side by side in the level-2 cache and not in the outputs: the
/// outputs of two tokens often lie a power of two apart, and tokens would drive each other from the caches. Measured with
/// 512 tokens and bf16: 87 % of the instruction's limit, 75 % with sums in the outputs.
/// </remarks>
internal unsafe partial class VectorKernels<TLanes, TVector>
{
    private const int CacheLine = 64;

    /// <summary>Their outputs for the widest matrices of a 1B model (4 MiB) no longer fit beside the rest in a level-2 cache.</summary>
    private const int ManyTokens = 64;

    /// <summary>Tiles that meet a panel before the next panel's turn; their sums take 64 KiB.</summary>
    private const int TileRange = 64;

    public override ActivationForm FormOf(WeightFormat format) =>
        format == WeightFormat.Int8 ? ActivationForm.Int16Group128 : ActivationForm.F32;

    public override void Tile(
        WeightFormat format, byte* panel, int columns, byte* a, int mr, float* c, int stride, bool accumulate) =>
        BlockTile(format, panel, columns, a, mr, c, stride, accumulate);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    private protected override void MultiplyPanels(
        PanelMatrix w, int firstPanel, int endPanel, ActivationBuffer x, int tokens, float* y, int stride)
    {
        var tiles = TileCount(tokens);
        var memory = stackalloc byte[(Math.Min(tiles, TileRange) * TileTokens * PanelLayout.Rows * sizeof(float)) + CacheLine];
        var sums = (float*)(((nuint)memory + CacheLine - 1) & ~(nuint)(CacheLine - 1));
        for (var firstTile = 0; firstTile < tiles; firstTile += TileRange)
        {
            var endTile = Math.Min(tiles, firstTile + TileRange);
            var firstToken = firstTile * TileTokens;
            var count = Math.Min(endTile * TileTokens, tokens) - firstToken;
            for (var panel = firstPanel; panel < endPanel; panel++)
            {
                var row = panel * PanelLayout.Rows;
                var inPlace = stride == PanelLayout.Rows && w.Rows - row >= PanelLayout.Rows; // outputs that lie side by side as well
                var target = inPlace ? y + ((long)firstToken * stride) + row : sums;
                MultiplyPanel(w, panel, x, firstTile, endTile, tokens, target);
                if (w.Format == WeightFormat.Fp8)
                {
                    ScaleRows(target, PanelLayout.Rows, (float*)w.Panel(panel), count);
                }

                if (!inPlace)
                {
                    WriteOutputs(sums, y + ((long)firstToken * stride), stride, row, w.Rows, count);
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

    /// <param name="sums">[tokens of the tiles][32], overwritten.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void MultiplyPanel(
        PanelMatrix w, int panel, ActivationBuffer x, int firstTile, int endTile, int tokens, float* sums)
    {
        for (var block = 0; block < w.BlockCount; block++)
        {
            var firstColumn = block * w.BlockColumns;
            var columns = Math.Min(w.BlockColumns, w.PaddedColumns - firstColumn);
            var format = w.Format;
            var weights = Decode(ref format, w.Panel(panel) + PanelLayout.ColumnOffset(format, firstColumn), columns);
            var count = Math.Min(endTile * TileTokens, tokens) - (firstTile * TileTokens);
            BlockTiles(format, weights, columns, x.Tile(block, firstTile), count, sums, block > 0);
        }
    }

    /// <summary>Tiles that follow each other over one block of columns.</summary>
    /// <param name="a">Their activations, one tile after the other.</param>
    /// <param name="sums">[tokens][32].</param>
    private protected virtual void BlockTiles(
        WeightFormat format, byte* weights, int columns, byte* a, int tokens, float* sums, bool accumulate)
    {
        var tileBytes = (long)TileTokens * FormOf(format).TokenBytes(columns);
        for (; tokens > 0; tokens -= TileTokens, a += tileBytes, sums += TileTokens * PanelLayout.Rows)
        {
            BlockTile(format, weights, columns, a, Math.Min(TileTokens, tokens), sums, PanelLayout.Rows, accumulate);
        }
    }

    /// <summary>
    /// Many tokens' outputs go past the caches: no line is read to be overwritten, and weights and activations keep their
    /// place. By the next phase they would have left the caches anyway. The team ends a phase with a locked instruction, which
    /// orders such writes too.
    /// </summary>
    private static void WriteOutputs(float* sums, float* y, int stride, int firstRow, int rows, int tokens)
    {
        var target = y + firstRow;
        var past = tokens > ManyTokens && rows - firstRow >= PanelLayout.Rows
            && ((nuint)target % CacheLine) == 0 && stride % (CacheLine / sizeof(float)) == 0;
        for (var t = 0; t < tokens; t++, sums += PanelLayout.Rows, target += stride)
        {
            if (past)
            {
                Vector512.StoreAlignedNonTemporal(Vector512.Load(sums), target);
                Vector512.StoreAlignedNonTemporal(Vector512.Load(sums + Vector512<float>.Count), target + Vector512<float>.Count);
            }
            else
            {
                var count = Math.Min(PanelLayout.Rows, rows - firstRow);
                new ReadOnlySpan<float>(sums, count).CopyTo(new Span<float>(target, count));
            }
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
