namespace Stoker.Engine.Kernels;

/// <summary>Up to <see cref="KernelSet.LowRankRows"/> rows of a step with one addon, which share each load of its weights.</summary>
/// <param name="First">Into <see cref="LowRankRows.Rows"/>.</param>
internal readonly record struct LowRankBlock(int Addon, int First, int Count);

/// <summary>The rows of a step that have an addon, sorted by addon. Reused from step to step, without allocation.</summary>
internal sealed class LowRankRows(int maxRows)
{
    private readonly int[] _rows = new int[maxRows];
    private readonly long[] _keys = new long[maxRows]; // addon, then row
    private readonly LowRankBlock[] _blocks = new LowRankBlock[maxRows];

    /// <summary>Bytes that one row takes, for planning memory.</summary>
    public const int BytesPerRow = sizeof(int) + sizeof(long) + (3 * sizeof(int));

    public int Count { get; private set; }

    public int BlockCount { get; private set; }

    public ReadOnlySpan<int> Rows => _rows.AsSpan(0, Count);

    public ReadOnlySpan<LowRankBlock> Blocks => _blocks.AsSpan(0, BlockCount);

    public void Clear() => (Count, BlockCount) = (0, 0);

    public void Add(int row, int addon) => _keys[Count++] = ((long)addon << 32) | (uint)row;

    /// <summary>All rows are there: forms the blocks.</summary>
    public void Close()
    {
        Array.Sort(_keys, 0, Count);
        for (var i = 0; i < Count; i++)
        {
            var (addon, row) = ((int)(_keys[i] >> 32), (int)_keys[i]);
            _rows[i] = row;
            if (BlockCount > 0 && _blocks[BlockCount - 1] is var last && last.Addon == addon && last.Count < KernelSet.LowRankRows)
            {
                _blocks[BlockCount - 1] = last with { Count = last.Count + 1 };
            }
            else
            {
                _blocks[BlockCount++] = new(addon, i, 1);
            }
        }
    }
}
