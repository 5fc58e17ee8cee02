using System.Runtime.CompilerServices;
using Stoker.Engine.Native;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Kernels;

/// <summary>What addons add to the outputs of one product of a step; reused from product to product.</summary>
/// <remarks>
/// Before the product h = A x of all rows that have an addon which changes it, spread over the team; within it, as soon as a
/// panel of outputs is there and still in a cache, B h on top. A product that no addon changes pays nothing.
/// </remarks>
internal sealed unsafe class LowRankProduct : IDisposable
{
    /// <summary>Some 15 us of work where an input has 2,048 columns: enough turns to be dealt out evenly.</summary>
    private const int RanksPerTurn = 8;

    /// <summary>A norm's multiply-adds and their like for each value.</summary>
    private const int FillWork = 24;

    private readonly KernelSet _kernels;
    private readonly int _maxColumns;
    private readonly int _maxWidth;
    private readonly AlignedMemory _inputs; // [rows][padded columns]
    private readonly AlignedMemory _h; // [rows][width]
    private readonly LowRank?[] _parts; // by block
    private readonly Action<int, int> _fill;
    private readonly Action<int, int> _shrink;
    private LowRankRows _rows = new(0);
    private RowSource? _source;
    private int _columns;

    /// <param name="maxColumns">Of the widest product's input.</param>
    /// <param name="maxWidth">Ranks of one addon at one product, together.</param>
    public LowRankProduct(KernelSet kernels, int rows, int maxColumns, int maxWidth)
    {
        (_kernels, _maxColumns, _maxWidth) = (kernels, LowRankLayout.Padded(maxColumns), maxWidth);
        _inputs = new((long)rows * _maxColumns * sizeof(float));
        _h = new((long)rows * maxWidth * sizeof(float));
        _parts = new LowRank?[rows];
        (_fill, _shrink) = (Fill, Shrink);
    }

    /// <summary>Whether some row has an addon that changes the product.</summary>
    public bool IsActive { get; private set; }

    public long SizeBytes => _inputs.LengthBytes + _h.LengthBytes;

    public static long BytesPerRow(int maxColumns, int maxWidth) =>
        (sizeof(float) * ((long)LowRankLayout.Padded(maxColumns) + maxWidth)) + sizeof(long);

    /// <summary>The next product: its rows, and how many columns its input has. Then <see cref="Set"/> for each block.</summary>
    public void Begin(LowRankRows rows, int columns)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(columns, _maxColumns);
        (_rows, _columns, IsActive) = (rows, columns, false);
    }

    /// <param name="part">Null: the block's addon leaves this product alone.</param>
    public void Set(int block, LowRank? part)
    {
        if (part is not null)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan(part.Width, _maxWidth, nameof(part));
            IsActive = true;
        }

        _parts[block] = part;
    }

    /// <summary>Makes the inputs and h of them.</summary>
    public void Shrink(ParallelKernels parallel, RowSource source)
    {
        _source = source;
        parallel.Run(_fill, (long)_rows.Count * _columns * FillWork);
        Shrink(parallel);
    }

    /// <summary>h of inputs that were captured. Fewer than four rows take as long as four: their weights come from memory.</summary>
    public void Shrink(ParallelKernels parallel)
    {
        var work = 0L;
        for (var block = 0; block < _rows.BlockCount; block++)
        {
            work += (long)(_parts[block]?.Width ?? 0) * Math.Max(_rows.Blocks[block].Count, KernelSet.LowRankRows) * _columns;
        }

        parallel.Run(_shrink, work);
    }

    /// <summary>Adds to outputs of panels that are there: row r's at y + r · stride.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Expand(int firstPanel, int endPanel, int outputs, float* y, int stride)
    {
        var targets = stackalloc float*[KernelSet.LowRankRows];
        for (var block = 0; block < _rows.BlockCount; block++)
        {
            foreach (var part in _parts[block]?.Expands ?? [])
            {
                var (first, end) = (Math.Max(firstPanel, part.FirstPanel), Math.Min(endPanel, part.FirstPanel + part.PanelCount));
                for (var panel = first; panel < end; panel++)
                {
                    var output = panel * PanelLayout.Rows;
                    ExpandPanel(block, part, panel, y + output, stride, Math.Min(PanelLayout.Rows, outputs - output), targets);
                }
            }
        }
    }

    /// <summary>Adds to one panel of gate and of up, which lie in a scratch: row r's at gate + r · stride.</summary>
    public void ExpandGated(int panel, float* gate, float* up, int stride)
    {
        var targets = stackalloc float*[KernelSet.LowRankRows];
        for (var block = 0; block < _rows.BlockCount; block++)
        {
            foreach (var part in _parts[block]?.Expands ?? [])
            {
                if (panel >= part.FirstPanel && panel < part.FirstPanel + part.PanelCount)
                {
                    ExpandPanel(block, part, panel, part.Second ? up : gate, stride, PanelLayout.Rows, targets);
                }
            }
        }
    }

    /// <summary>Keeps a part of the inputs as they come to be: columns from <paramref name="first"/> on, row r's at values + r · stride.</summary>
    public void Capture(int first, int count, float* values, int stride)
    {
        for (var block = 0; block < _rows.BlockCount; block++)
        {
            if (_parts[block] is null) continue;
            var (start, rows) = (_rows.Blocks[block].First, _rows.Blocks[block].Count);
            for (var i = start; i < start + rows; i++)
            {
                Unsafe.CopyBlockUnaligned(Input(i) + first, values + ((long)_rows.Rows[i] * stride), (uint)count * sizeof(float));
                if (first + count == _columns) ClearPadding(i);
            }
        }
    }

    public void Dispose()
    {
        _inputs.Dispose();
        _h.Dispose();
    }

    private float* Input(int index) => (float*)_inputs.Start + ((long)index * _maxColumns);

    private float* H(int index) => (float*)_h.Start + ((long)index * _maxWidth);

    private void ClearPadding(int index) =>
        new Span<float>(Input(index) + _columns, LowRankLayout.Padded(_columns) - _columns).Clear();

    private void ExpandPanel(int block, in ExpandPart part, int panel, float* y, int stride, int count, float** targets)
    {
        var rows = _rows.Blocks[block];
        for (var i = 0; i < rows.Count; i++)
        {
            targets[i] = y + ((long)_rows.Rows[rows.First + i] * stride);
        }

        _kernels.Expand(part.Panel(panel), part.Rank, H(rows.First) + part.Offset, _maxWidth, rows.Count, targets, count);
    }

    /// <summary>Job: inputs by rows.</summary>
    private void Fill(int part, int parts)
    {
        for (var block = 0; block < _rows.BlockCount; block++)
        {
            if (_parts[block] is null) continue;
            var (start, count) = (_rows.Blocks[block].First, _rows.Blocks[block].Count);
            for (var i = start; i < start + count; i++)
            {
                if (i % parts != part) continue;
                _source!(_rows.Rows[i], new Span<float>(Input(i), _columns), false);
                ClearPadding(i);
            }
        }
    }

    /// <summary>Job: h by blocks of rows and groups of ranks, dealt out like cards.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Shrink(int part, int parts)
    {
        var (turn, padded) = (0, LowRankLayout.Padded(_columns));
        for (var block = 0; block < _rows.BlockCount; block++)
        {
            var rows = _rows.Blocks[block];
            foreach (var shrink in _parts[block]?.Shrinks ?? [])
            {
                for (var first = 0; first < shrink.Rank; first += RanksPerTurn)
                {
                    if (turn++ % parts != part) continue;
                    _kernels.Shrink(
                        shrink, first, Math.Min(first + RanksPerTurn, shrink.Rank), padded, Input(rows.First), _maxColumns, rows.Count,
                        H(rows.First) + shrink.Offset, _maxWidth);
                }
            }
        }
    }
}
