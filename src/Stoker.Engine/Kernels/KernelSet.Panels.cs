using Stoker.Engine.Weights;

namespace Stoker.Engine.Kernels;

/// <remarks>
/// Products with weights in panels. First the activations are packed into the form that the kernel reads
/// (<see cref="Pack"/>), then any thread multiplies any range of panels (<see cref="Multiply"/>).
/// A tile is 8 tokens by the 32 rows of a panel; the last tile of a batch has fewer tokens. Every output is one
/// accumulator that runs over the columns in order, whatever the tile's height and however the columns are cut.
/// </remarks>
internal abstract unsafe partial class KernelSet
{
    /// <summary>Tokens of a full tile: with 32 rows, 16 vectors of 512 bits of sums, half of the registers.</summary>
    public const int TileTokens = 8;

    public static int TileCount(int tokens) => (tokens + TileTokens - 1) / TileTokens;

    /// <summary>What <see cref="Multiply"/> reads for a weight of this format.</summary>
    public abstract ActivationForm FormOf(WeightFormat format);

    /// <summary>Packs tiles firstTile..endTile-1; the tiles of one packing may be shared out over threads.</summary>
    /// <param name="x">[tokens, w.Columns].</param>
    /// <param name="tokens">Of the whole batch, whatever tiles this call packs.</param>
    public void Pack(
        ReadOnlySpan<float> x, int tokens, int firstTile, int endTile, PanelMatrix w, ActivationBuffer target)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(x.Length, (long)tokens * w.Columns, nameof(x));
        ArgumentOutOfRangeException.ThrowIfNegative(firstTile);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(endTile, TileCount(tokens));
        var form = FormOf(w.Format);
        target.Begin(form, w, tokens);
        fixed (float* source = x)
        {
            for (var tile = firstTile; tile < endTile; tile++)
            {
                var token = tile * TileTokens;
                for (var block = 0; block < w.BlockCount; block++)
                {
                    var first = block * w.BlockColumns;
                    var padded = Math.Min(w.BlockColumns, w.PaddedColumns - first);
                    ActivationPacker.Pack(
                        form, source + ((long)token * w.Columns) + first, w.Columns, Math.Min(padded, w.Columns - first), padded,
                        Math.Min(TileTokens, tokens - token), target.Tile(block, tile));
                }
            }
        }
    }

    /// <summary>y[t · stride + r] = sum over k of w[r, k] · x[t, k] for the rows of panels firstPanel..endPanel-1 and all tokens.</summary>
    /// <remarks>Nothing outside of the named panels' rows is written, padded rows least of all.</remarks>
    /// <param name="x">Packed for a weight of this format and these columns, with the same number of tokens.</param>
    /// <param name="stride">From one token's outputs to the next one's.</param>
    public void Multiply(
        PanelMatrix w, int firstPanel, int endPanel, ActivationBuffer x, int tokens, Span<float> y, int stride)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(firstPanel);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(endPanel, w.PanelCount);
        if (tokens <= 0 || firstPanel >= endPanel)
        {
            return;
        }

        var endRow = Math.Min(w.Rows, endPanel * PanelLayout.Rows);
        ArgumentOutOfRangeException.ThrowIfLessThan(stride, endRow);
        ArgumentOutOfRangeException.ThrowIfLessThan(y.Length, ((tokens - 1L) * stride) + endRow, nameof(y));
        x.Check(FormOf(w.Format), w, tokens);
        fixed (float* output = y)
        {
            MultiplyPanels(w, firstPanel, endPanel, x, tokens, output, stride);
        }

        GC.KeepAlive(w);
        GC.KeepAlive(x);
    }

    /// <summary>
    /// c[t · stride + r] (+)= sum over k of panel[r, k] · a[t, k] for all 32 rows of one F32 or Bf16 panel: the tile of
    /// attention, whose keys and values lie in panels too.
    /// </summary>
    /// <param name="columns">Even.</param>
    /// <param name="a">From <see cref="PackTile"/> with the same format, columns and tokens.</param>
    /// <param name="mr">Tokens, 1 to 8.</param>
    /// <param name="accumulate">The sum starts at c and not at 0.</param>
    public abstract void Tile(
        WeightFormat format, byte* panel, int columns, byte* a, int mr, float* c, int stride, bool accumulate);

    /// <summary>Activations of one tile in the form that <see cref="Tile"/> reads: F32 [k][mr] or Bf16 [k/2][mr][2].</summary>
    /// <param name="x">[mr][strideX].</param>
    public void PackTile(WeightFormat format, float* x, int strideX, int columns, int mr, byte* a) =>
        ActivationPacker.Pack(FormOf(format), x, strideX, columns, columns, mr, a);

    /// <summary>Arguments are checked.</summary>
    private protected abstract void MultiplyPanels(
        PanelMatrix w, int firstPanel, int endPanel, ActivationBuffer x, int tokens, float* y, int stride);
}
