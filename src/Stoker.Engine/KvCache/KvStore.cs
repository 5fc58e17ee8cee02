using Stoker.Engine.Models;
using Stoker.Engine.Native;

namespace Stoker.Engine.KvCache;

/// <summary>
/// The memory behind the paged KV cache: keys and values of every layer, in blocks of 16 positions, float32.
/// </summary>
/// <remarks>
/// Layout [layer][block][kv head], each a key tile [head dim][16 positions] and then a value tile [16 positions][head
/// dim]. Keys lie transposed because a query then meets 16 keys with one vector multiply-add per dimension and no
/// horizontal sums; values lie straight because the weighted sum runs over positions. Which block belongs to whom is
/// not known here. A block's content is undefined until it is written: readers visit positions up to their own only.
/// </remarks>
internal sealed class KvStore : IDisposable
{
    /// <summary>Positions in a block, 16: one 512-bit vector of float32 scores.</summary>
    public const int BlockSize = 16;

    private readonly AlignedMemory _memory;
    private readonly int _tileLength; // floats of one key tile, and of one value tile

    public KvStore(ModelShape shape, int blockCount)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blockCount);
        (Shape, BlockCount) = (shape, blockCount);
        _tileLength = BlockSize * shape.HeadDim;
        _memory = new AlignedMemory(checked(shape.KvBytesPerToken * BlockSize * blockCount));
    }

    public ModelShape Shape { get; }

    public int BlockCount { get; }

    public long SizeBytes => _memory.LengthBytes;

    /// <summary>The keys of one block and kv head: [head dim][16 positions].</summary>
    public Span<float> KeyTile(int layer, int block, int head) =>
        _memory.Slice<float>(2L * TileIndex(layer, block, head) * _tileLength, _tileLength);

    /// <summary>The values of one block and kv head: [16 positions][head dim].</summary>
    public Span<float> ValueTile(int layer, int block, int head) =>
        _memory.Slice<float>(((2L * TileIndex(layer, block, head)) + 1) * _tileLength, _tileLength);

    /// <summary>Writes one position of one kv head; key and value: [head dim].</summary>
    public void Write(int layer, int block, int slot, int head, ReadOnlySpan<float> key, ReadOnlySpan<float> value)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)slot, (uint)BlockSize, nameof(slot));
        var keys = KeyTile(layer, block, head);
        for (var dim = 0; dim < key.Length; dim++)
        {
            keys[(dim * BlockSize) + slot] = key[dim];
        }

        value.CopyTo(ValueTile(layer, block, head).Slice(slot * Shape.HeadDim, Shape.HeadDim));
    }

    /// <summary>
    /// Copies a whole block in every layer, for a sequence that goes on alone from a shared, half-filled block.
    /// </summary>
    public void CopyBlock(int from, int to)
    {
        for (var layer = 0; layer < Shape.Layers; layer++)
        {
            for (var head = 0; head < Shape.KvHeads; head++)
            {
                KeyTile(layer, from, head).CopyTo(KeyTile(layer, to, head));
                ValueTile(layer, from, head).CopyTo(ValueTile(layer, to, head));
            }
        }
    }

    public void Dispose() => _memory.Dispose();

    private long TileIndex(int layer, int block, int head)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)layer, (uint)Shape.Layers, nameof(layer));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)block, (uint)BlockCount, nameof(block));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)head, (uint)Shape.KvHeads, nameof(head));
        return (((long)layer * BlockCount) + block) * Shape.KvHeads + head;
    }
}
