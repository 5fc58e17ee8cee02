using System.Runtime.CompilerServices;
using Stoker.Engine.Native;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Kernels;

/// <summary>Fills one row of a projection's input.</summary>
/// <param name="target">[columns], of this thread alone.</param>
/// <param name="publish">True on one thread for each row: what the row leaves behind for later phases is written there.</param>
internal delegate void RowSource(int row, Span<float> target, bool publish);

/// <summary>
/// Matrix products on the whole team. What comes before a product (norm, activation, gathering, packing) runs in the same phase.
/// </summary>
/// <remarks>
/// Few rows: every thread makes and packs all input rows for itself, which costs less than waiting for the others, and
/// goes on with its share of the panels. Many rows: the rows are made and packed in tiles spread over the team, and the
/// panels follow in a second phase. A thread's panels lie together, so that it reads one stream; who is done first takes
/// chunks of the others' shares. None of this shows in the bits: an output is one sum in one order.
/// </remarks>
internal sealed unsafe class ParallelKernels : IDisposable
{
    /// <summary>Parts of a thread's share: small enough that the others can even out a thread that lost its CPU.</summary>
    private const int ChunksPerShare = 8;

    /// <summary>Kernels take up to four panels at once to hide latency where there is one token.</summary>
    private const int PanelsAtOnce = 4;

    private const int CursorStride = 16; // longs: two cache lines, which is what neighbours prefetch together

    private readonly ThreadTeam _team;
    private readonly Action<int, int> _projectOwn;
    private readonly Action<int, int> _packTiles;
    private readonly Action<int, int> _multiplyPacked;
    private readonly long[] _cursors;
    private readonly InputBuffer[] _own;
    private readonly AlignedMemory[] _gatedSums;
    private InputBuffer? _shared;

    // The phase in progress.
    private PanelMatrix? _w; // of a gated product its gate
    private GatedPanels? _gated;
    private RowSource? _source; // null: the rows lie at _x
    private float* _x;
    private int _rows;
    private float* _y;
    private int _stride;
    private float _softCap;

    /// <param name="maxColumns">Of the widest matrix.</param>
    public ParallelKernels(KernelSet kernels, ThreadTeam team, int maxColumns)
    {
        (Kernels, _team, MaxColumns) = (kernels, team, maxColumns);
        (_projectOwn, _packTiles, _multiplyPacked) = (ProjectOwn, PackTiles, MultiplyPacked); // made once: a step allocates nothing
        _cursors = new long[team.Count * CursorStride];
        _own = new InputBuffer[team.Count];
        for (var part = 0; part < _own.Length; part++)
        {
            _own[part] = new InputBuffer(KernelSet.TileTokens, maxColumns);
        }

        _gatedSums = new AlignedMemory[team.Count];
        ReserveGatedSums(KernelSet.TileTokens);
    }

    public KernelSet Kernels { get; }

    public int MaxColumns { get; }

    /// <summary>
    /// Values up to which each thread makes the input for itself: some 4 us of work of a norm, of which half is wasted
    /// with two threads, against 1 to 2 us for a barrier.
    /// </summary>
    public int MostOwnValues { get; init; } = 16_384;

    /// <summary>Memory that the threads have for themselves.</summary>
    public long OwnBytes => _own.Length * (
        (KernelSet.TileTokens * InputBuffer.BytesPerRow(MaxColumns)) + (KernelSet.GatedScratch(KernelSet.TileTokens) * sizeof(float)));

    /// <summary>Memory for each row of the largest step, at most.</summary>
    public long BytesPerRow => InputBuffer.BytesPerRow(MaxColumns) + (_own.Length * 2L * PanelLayout.Rows * sizeof(float));

    /// <summary>What is taken now.</summary>
    public long SizeBytes => (_own.Length * KernelSet.TileTokens * InputBuffer.BytesPerRow(MaxColumns))
        + _gatedSums.Sum(sums => sums.LengthBytes) + (_shared is null ? 0 : _shared.Rows * InputBuffer.BytesPerRow(MaxColumns));

    /// <summary>Makes room for steps of so many rows; nothing when it is there.</summary>
    public void Reserve(int rows)
    {
        if (_shared is null || _shared.Rows < rows)
        {
            _shared?.Dispose();
            _shared = new InputBuffer(rows, MaxColumns);
            ReserveGatedSums(rows);
        }
    }

    /// <summary>Runs a cached job on the team, or on this thread alone when it is small.</summary>
    /// <param name="work">Multiply-adds or their like in all.</param>
    public void Run(Action<int, int> job, long work)
    {
        if (work < _team.MinimumWork)
        {
            job(0, 1);
        }
        else
        {
            _team.Run(job);
        }
    }

    /// <summary>y[r, o] = sum over k of w[o, k] · source(r)[k].</summary>
    /// <param name="y">[rows, stride]; only the first w.Rows of each row are written.</param>
    /// <param name="softCap">Above 0: caps every output, as <see cref="KernelSet.SoftCap"/>.</param>
    public void Project(PanelMatrix w, RowSource source, int rows, Span<float> y, int stride, float softCap = 0) =>
        Project(w, null, source, default, rows, y, stride, softCap);

    /// <summary>The same of rows that are there: [rows, w.Columns].</summary>
    public void Project(PanelMatrix w, ReadOnlySpan<float> x, int rows, Span<float> y, int stride)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(x.Length, (long)rows * w.Columns, nameof(x));
        Project(w, null, null, x, rows, y, stride, softCap: 0);
    }

    /// <summary>y[r, o] = act(gate[o] · source(r)) · (up[o] · source(r)), biases included.</summary>
    public void ProjectGated(GatedPanels w, RowSource source, int rows, Span<float> y, int stride) =>
        Project(w.Gate, w, source, default, rows, y, stride, softCap: 0);

    private void Project(
        PanelMatrix w, GatedPanels? gated, RowSource? source, ReadOnlySpan<float> x, int rows, Span<float> y, int stride, float softCap)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(w.Columns, MaxColumns, nameof(w));
        ArgumentOutOfRangeException.ThrowIfLessThan(stride, w.Rows);
        ArgumentOutOfRangeException.ThrowIfLessThan(y.Length, ((rows - 1L) * stride) + w.Rows, nameof(y));
        var work = (long)rows * w.Rows * w.Columns * (gated is null ? 1 : 2);
        // Pinned until the team is done: the parts see the same buffers through plain pointers.
        fixed (float* input = x, output = y)
        {
            _x = input;
            _y = output;
            (_w, _gated, _source, _rows, _stride, _softCap) = (w, gated, source, rows, stride, softCap);
            if (rows <= KernelSet.TileTokens && (long)rows * w.Columns <= MostOwnValues)
            {
                DealPanels(work);
                Run(_projectOwn, work);
            }
            else
            {
                Reserve(rows);
                Run(_packTiles, work);
                DealPanels(work);
                Run(_multiplyPacked, work);
            }
        }
    }

    public void Dispose()
    {
        _shared?.Dispose();
        foreach (var own in _own)
        {
            own.Dispose();
        }

        Array.ForEach(_gatedSums, sums => sums.Dispose());
    }

    private void ReserveGatedSums(int rows)
    {
        var bytes = (long)KernelSet.GatedScratch(rows) * sizeof(float);
        for (var part = 0; part < _gatedSums.Length; part++)
        {
            if (_gatedSums[part] is not { } sums || sums.LengthBytes < bytes)
            {
                _gatedSums[part]?.Dispose();
                _gatedSums[part] = new AlignedMemory(bytes);
            }
        }
    }

    /// <summary>Each part's cursor to the start of its share of the panels.</summary>
    private void DealPanels(long work)
    {
        var parts = work < _team.MinimumWork ? 1 : _team.Count;
        for (var part = 0; part < parts; part++)
        {
            _cursors[part * CursorStride] = ShareStart(part, parts);
        }
    }

    private int ShareStart(int part, int parts) => (int)((long)_w!.PanelCount * part / parts);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ProjectOwn(int part, int parts)
    {
        var (own, w) = (_own[part], _w!);
        for (var row = 0; _source is not null && row < _rows; row++)
        {
            _source(row, own.Row(row, w.Columns), row % parts == part);
        }

        Kernels.Pack(_source is null ? Rows(w) : own.All(_rows, w.Columns), _rows, 0, 1, w, own.Packed);
        MultiplyShares(part, parts, own.Packed);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void PackTiles(int part, int parts)
    {
        var (shared, w) = (_shared!, _w!);
        var tiles = (_rows + KernelSet.TileTokens - 1) / KernelSet.TileTokens;
        for (var tile = part; tile < tiles; tile += parts)
        {
            var end = Math.Min((tile + 1) * KernelSet.TileTokens, _rows);
            for (var row = tile * KernelSet.TileTokens; _source is not null && row < end; row++)
            {
                _source(row, shared.Row(row, w.Columns), true);
            }

            Kernels.Pack(_source is null ? Rows(w) : shared.All(_rows, w.Columns), _rows, tile, tile + 1, w, shared.Packed);
        }
    }

    private ReadOnlySpan<float> Rows(PanelMatrix w) => new(_x, checked(_rows * w.Columns));

    private void MultiplyPacked(int part, int parts) => MultiplyShares(part, parts, _shared!.Packed);

    /// <summary>The part's own share first, then what is left of its neighbours'.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void MultiplyShares(int part, int parts, ActivationBuffer input)
    {
        for (var i = 0; i < parts; i++)
        {
            var owner = (part + i) % parts;
            var (start, end) = (ShareStart(owner, parts), ShareStart(owner + 1, parts));
            var chunk = parts == 1 ? end : Math.Max(PanelsAtOnce, (end - start) / ChunksPerShare / PanelsAtOnce * PanelsAtOnce);
            ref var cursor = ref _cursors[owner * CursorStride];
            for (var first = Take(ref cursor, chunk); first < end; first = Take(ref cursor, chunk))
            {
                Multiply(part, first, Math.Min(first + chunk, end), input);
            }
        }
    }

    private static int Take(ref long cursor, int chunk) => (int)(Interlocked.Add(ref cursor, chunk) - chunk);

    private void Multiply(int part, int firstPanel, int endPanel, ActivationBuffer input)
    {
        var length = checked(((_rows - 1) * _stride) + _w!.Rows);
        if (_gated is not null)
        {
            var sums = _gatedSums[part].Slice<float>(0, KernelSet.GatedScratch(_rows));
            Kernels.MultiplyGated(_gated, firstPanel, endPanel, input, _rows, sums, new Span<float>(_y, length), _stride);
            return;
        }

        Kernels.Multiply(_w, firstPanel, endPanel, input, _rows, new Span<float>(_y, length), _stride);
        if (_softCap > 0)
        {
            var first = firstPanel * PanelLayout.Rows; // a multiple of every vector: cuts do not show
            var count = Math.Min(endPanel * PanelLayout.Rows, _w.Rows) - first;
            for (var row = 0; row < _rows; row++)
            {
                Kernels.SoftCap(new Span<float>(_y + ((long)row * _stride) + first, count), _softCap);
            }
        }
    }
}
