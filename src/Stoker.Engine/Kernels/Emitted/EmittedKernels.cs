using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Kernels.Emitted;

/// <summary>
/// The AVX-512 set with emitted tiles: bf16 dot products for Bf16 and Fp8 weights, byte dot products for Int8 and Fp4.
/// Activations are rounded to bf16 or quantised to 8 bit per token and group.
/// </summary>
internal sealed unsafe class EmittedKernels(TileCode code) : VectorKernels<Lanes512, Vector512<float>>("emitted")
{
    /// <summary>
    /// Up to here a matrix comes from a cache from one token to the next, faster than two sums take it in. From memory one
    /// stream in order is as fast as any, and four of them can be slower.
    /// </summary>
    private const long CachedBytes = 8 << 20;

    /// <summary>The last tiles of so many tokens fetch the next block together. A multiple of a tile's.</summary>
    private const int SharingTokens = 4 * TileTokens;

    public override ActivationForm FormOf(WeightFormat format) => format switch
    {
        WeightFormat.Bf16 or WeightFormat.Fp8 => ActivationForm.Bf16,
        WeightFormat.Int8 => ActivationForm.Int8Group128,
        WeightFormat.Fp4 => ActivationForm.Int8Group32,
        _ => ActivationForm.F32,
    };

    /// <summary>
    /// Every format has a tile of its own. Decoding beside the products costs nothing that shows: with 16 and 32 tokens
    /// a block of Fp8 or Fp4 that was decoded before its tiles came out no faster.
    /// </summary>
    private protected override byte* Decode(ref WeightFormat format, byte* weights, int columns) => weights;

    /// <summary>One token: four panels at a time where two sums would be too few (see <see cref="TileEmitter"/>).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private protected override void MultiplyPanels(
        PanelMatrix w, int firstPanel, int endPanel, ActivationBuffer x, int tokens, float* y, int stride)
    {
        var panel = firstPanel;
        if (tokens == 1 && (w.Format == WeightFormat.Fp8 || (w.Format == WeightFormat.Bf16 && w.SizeBytes <= CachedBytes)))
        {
            for (; panel + TileEmitter.PanelsAtOnce <= Math.Min(endPanel, w.Rows / PanelLayout.Rows); panel += TileEmitter.PanelsAtOnce)
            {
                MultiplyFourPanels(w, panel, x, y);
            }
        }

        base.MultiplyPanels(w, panel, endPanel, x, tokens, y, stride);
    }

    private void MultiplyFourPanels(PanelMatrix w, int panel, ActivationBuffer x, float* y)
    {
        var isFp8 = w.Format == WeightFormat.Fp8;
        var kernel = isFp8 ? code.Fp8FourPanels() : code.Bf16FourPanels();
        var panelBytes = PanelLayout.PanelBytes(w.Format, w.Columns);
        var target = y + (panel * PanelLayout.Rows);
        for (var block = 0; block < w.BlockCount; block++)
        {
            var first = block * w.BlockColumns;
            var columns = Math.Min(w.BlockColumns, w.PaddedColumns - first);
            kernel(
                w.Panel(panel) + PanelLayout.ColumnOffset(w.Format, first), x.Tile(block, 0), target, isFp8 ? columns / 4 : columns / 2,
                panelBytes, block > 0 ? 1 : 0);
        }

        for (var i = 0; isFp8 && i < TileEmitter.PanelsAtOnce; i++)
        {
            ScaleRows(target + (i * PanelLayout.Rows), 0, (float*)w.Panel(panel + i), mr: 1);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private protected override void BlockTile(
        WeightFormat format, byte* weights, int columns, byte* a, int mr, float* c, int stride, bool accumulate)
    {
        var kernel = code.Tile(format, mr);
        if (kernel is null)
        {
            base.BlockTile(format, weights, columns, a, mr, c, stride, accumulate);
        }
        else
        {
            kernel(weights, a, c, columns / TileCode.StepColumns(format), stride * (long)sizeof(float), accumulate ? 1 : 0);
        }
    }

    /// <summary>
    /// Tiles fetch the next block while they compute, else the memory waits for the processor and the processor for the memory in turn.
    /// A block (56 KiB of bf16 with 896 columns) takes the memory three times as long as one tile of eight tokens computes on it, so the last
    /// four share it, each by its tokens. One token needs none of it: its products are over before the memory is.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private protected override void BlockTiles(
        WeightFormat format, byte* weights, int columns, byte* a, int tokens, float* sums, bool accumulate)
    {
        if (code.Tile(format, TileTokens) is null)
        {
            base.BlockTiles(format, weights, columns, a, tokens, sums, accumulate);
            return;
        }

        var (steps, tileBytes) = (columns / TileCode.StepColumns(format), (long)TileTokens * FormOf(format).TokenBytes(columns));
        var ahead = AheadOf(format, tokens);
        var sharing = Math.Min(tokens, ahead == Ahead.Part ? SharingTokens : TileTokens);
        for (; tokens > 0; tokens -= TileTokens, a += tileBytes, sums += TileTokens * PanelLayout.Rows)
        {
            var own = tokens <= sharing ? ahead : Ahead.Nothing;
            var start = own == Ahead.Part ? AheadPart.Of(steps, sharing, tokens).Argument(accumulate) : accumulate ? 1L : 0;
            code.Tile(format, Math.Min(TileTokens, tokens), own)(weights, a, sums, steps, PanelLayout.Rows * sizeof(float), start);
        }
    }

    private static Ahead AheadOf(WeightFormat format, int tokens) => tokens switch
    {
        1 => Ahead.Nothing,
        <= TileTokens => Ahead.All,
        _ when format is WeightFormat.Bf16 or WeightFormat.Fp8 => Ahead.Part,
        _ when format == WeightFormat.Fp4 => Ahead.All,
        _ => Ahead.Nothing,
    };
}
