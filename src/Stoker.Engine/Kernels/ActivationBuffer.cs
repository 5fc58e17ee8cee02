using Stoker.Engine.Native;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Kernels;

/// <summary>The activations of one matrix product as its kernel reads them: [block of columns][tile of tokens][k][mr].</summary>
/// <remarks>
/// Filled by <see cref="KernelSet.Pack"/>, whose tiles may be packed by different threads. It holds one packing at a time:
/// a product with other weights of the same format and columns may reuse it.
/// </remarks>
internal sealed unsafe class ActivationBuffer : IDisposable
{
    private readonly AlignedMemory _memory;
    private readonly long _capacityBytes;
    private Packing _packing;

    /// <param name="maxTokens">In one packing.</param>
    /// <param name="maxColumns">Of the widest matrix. Memory is touched only as far as it is used.</param>
    public ActivationBuffer(int maxTokens, int maxColumns)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxTokens);
        ArgumentOutOfRangeException.ThrowIfNegative(maxColumns);
        _capacityBytes = checked(Tiles(maxTokens) * KernelSet.TileTokens * BytesPerRow(maxColumns));
        _memory = new AlignedMemory(_capacityBytes);
    }

    public long SizeBytes => _memory.LengthBytes;

    /// <summary>Bytes that one token takes, at most.</summary>
    public static long BytesPerRow(int maxColumns) => sizeof(float) * (long)PanelLayout.PaddedColumns(maxColumns);

    public void Dispose() => _memory.Dispose();

    /// <summary>First byte of a tile's activations in one block of columns.</summary>
    public byte* Tile(int block, int tile)
    {
        var p = _packing;
        var columns = Math.Min(p.BlockColumns, p.PaddedColumns - (block * p.BlockColumns));
        var blockBytes = (long)p.Form.TokenBytes(p.BlockColumns) * KernelSet.TileTokens * Tiles(p.Tokens);
        return _memory.Start + (block * blockBytes) + ((long)tile * KernelSet.TileTokens * p.Form.TokenBytes(columns));
    }

    /// <summary>Says what is being packed; every thread that packs tiles of one packing says the same.</summary>
    internal void Begin(ActivationForm form, PanelMatrix w, int tokens)
    {
        var packing = new Packing(form, w.PaddedColumns, w.BlockColumns, tokens);
        if (Tiles(tokens) * KernelSet.TileTokens * BytesPerRow(w.Columns) > _capacityBytes)
        {
            throw new ArgumentException($"{tokens} tokens of {w.Columns} columns do not fit into this buffer", nameof(tokens));
        }

        if (_packing != packing)
        {
            _packing = packing;
        }
    }

    /// <exception cref="InvalidOperationException">Something else was packed last.</exception>
    internal void Check(ActivationForm form, PanelMatrix w, int tokens)
    {
        if (_packing != new Packing(form, w.PaddedColumns, w.BlockColumns, tokens))
        {
            throw new InvalidOperationException(
                $"the buffer holds {_packing}, not {tokens} tokens for a {w.Format} matrix of {w.Columns} columns");
        }
    }

    private static int Tiles(int tokens) => (tokens + KernelSet.TileTokens - 1) / KernelSet.TileTokens;

    private readonly record struct Packing(ActivationForm Form, int PaddedColumns, int BlockColumns, int Tokens);
}
