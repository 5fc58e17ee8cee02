using Stoker.Engine.Models;
using Stoker.Engine.Native;

namespace Stoker.Engine.KvCache;

/// <summary>
/// The memory behind the paged KV cache: keys and values of every layer, in blocks of 32 positions.
/// </summary>
/// <remarks>
/// Layout [layer][kv head][block], each a key panel and then value panels, in the layout of weight panels: to the
/// matrix tiles a block's keys are a weight of 32 rows (positions) over the head's dimensions, and its values a weight of
/// the head's dimensions (rows, 32 a panel) over 32 positions. f32: [k][32 rows]; bf16 and fp8: [k/2][32 rows][2]. A
/// head's dimensions are padded to a multiple of 32 with zeros. Which block belongs to whom is not known here.
/// A block's content is undefined until it is written; from the write of its first position on its values are numbers
/// throughout, so that a weight of zero makes nothing of what an earlier owner left. Keys behind the last position
/// written stay undefined: scores are masked by position, not by arithmetic.
/// </remarks>
internal sealed unsafe partial class KvStore : IDisposable
{
    /// <summary>Positions in a block, 32: the rows of one panel.</summary>
    public const int BlockSize = 32;

    private readonly AlignedMemory _memory;
    private readonly long _blockBytes; // keys and values of one head

    public KvStore(ModelShape shape, int blockCount, KvFormat format)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(blockCount);
        (Shape, BlockCount, Format) = (shape, blockCount, format);
        PaddedDim = PadDim(shape.HeadDim);
        PanelBytes = (long)BlockSize * PaddedDim * format.ElementBytes();
        _blockBytes = 2 * PanelBytes;
        _memory = new AlignedMemory(checked(shape.KvBytesPerToken(format) * BlockSize * blockCount));
    }

    public ModelShape Shape { get; }

    public int BlockCount { get; }

    public KvFormat Format { get; }

    public int PaddedDim { get; }

    /// <summary>Bytes of a block's keys, and of its values, for one head.</summary>
    public long PanelBytes { get; }

    public long SizeBytes => _memory.LengthBytes;

    /// <summary>A head's dimensions as they are stored: a multiple of 32.</summary>
    public static int PadDim(int headDim) => (headDim + 31) / 32 * 32;

    /// <summary>The keys of one block and kv head: one panel.</summary>
    public byte* KeyPanel(int layer, int block, int head)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)layer, (uint)Shape.Layers, nameof(layer));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)block, (uint)BlockCount, nameof(block));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)head, (uint)Shape.KvHeads, nameof(head));
        ObjectDisposedException.ThrowIf(_memory.Start is null, this);
        return _memory.Start + (((((long)layer * Shape.KvHeads) + head) * BlockCount) + block) * _blockBytes;
    }

    /// <summary>The values of one block and kv head: PaddedDim / 32 panels, one after the other.</summary>
    public byte* ValuePanels(int layer, int block, int head) => KeyPanel(layer, block, head) + PanelBytes;

    public void Dispose() => _memory.Dispose();
}
