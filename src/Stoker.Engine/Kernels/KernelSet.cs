using Stoker.Engine.KvCache;
using Stoker.Engine.Weights;

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

    /// <summary>y[t, r] = sum over k of w[r, k] · x[t, k] for rows firstRow..endRow-1 and all tokens.</summary>
    /// <remarks>x: [tokens, columns]; y: [tokens, rows], only the named columns of it are written.</remarks>
    public abstract void Multiply(
        WeightMatrix w, int firstRow, int endRow, ReadOnlySpan<float> x, int tokens, Span<float> y);

    /// <summary>y = x / sqrt(mean(x²) + epsilon) · weight; all of one length. y may be x.</summary>
    public abstract void RmsNorm(ReadOnlySpan<float> x, ReadOnlySpan<float> weight, float epsilon, Span<float> y);

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
    /// Attention of one token's query heads that share a kv head: softmax(scale · q·k, capped, masked) · v over the
    /// positions that <paramref name="mask"/> lets it see.
    /// </summary>
    /// <param name="queries">[group, head dim].</param>
    /// <param name="output">[group, head dim], overwritten.</param>
    public abstract void Attend(
        KvPages pages, AttentionMask mask, AttentionScale scale, ReadOnlySpan<float> queries, Span<float> output);
}

/// <summary>Where the keys and values of one sequence, layer and kv head lie.</summary>
internal readonly ref struct KvPages(KvStore store, int layer, int head, ReadOnlySpan<int> blockTable)
{
    private readonly ReadOnlySpan<int> _blockTable = blockTable;

    public int HeadDim => store.Shape.HeadDim;

    /// <summary>Keys of positions 16·tile.., [head dim][16].</summary>
    public ReadOnlySpan<float> Keys(int tile) => store.KeyTile(layer, _blockTable[tile], head);

    /// <summary>Values of positions 16·tile.., [16][head dim].</summary>
    public ReadOnlySpan<float> Values(int tile) => store.ValueTile(layer, _blockTable[tile], head);
}

/// <summary>
/// A token at <paramref name="Position"/> sees itself and what came before it, at most <paramref name="Window"/>
/// positions in all.
/// </summary>
/// <param name="Window">0: no limit.</param>
internal readonly record struct AttentionMask(int Position, int Window)
{
    public int First => Window > 0 ? Math.Max(0, Position - Window + 1) : 0;
}

/// <param name="Factor">Multiplies every score.</param>
/// <param name="SoftCap">0: none; else s becomes cap · tanh(s / cap).</param>
internal readonly record struct AttentionScale(float Factor, float SoftCap);
