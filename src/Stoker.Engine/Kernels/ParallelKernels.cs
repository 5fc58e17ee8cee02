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

    /// <summary>Kernels take up to four panels at once to hide latency where there is one token; gated products always do.</summary>
    private const int PanelsAtOnce = KernelSet.GatedPanelsAtOnce;

    /// <summary>From here on a panel takes some 20 us or more: chunks are as small as they can be.</summary>
    private const int ManyRows = 64;

    private const int CursorStride = 16; // longs: two cache lines, which is what neighbours prefetch together

    private readonly ThreadTeam _team;
    private readonly Action<int, int> _projectOwn;
    private readonly Action<int, int> _packTiles;
    private readonly Action<int, int> _multiplyPacked;
    private readonly Action<int, int> _multiplyJoined;
    private readonly long[] _cursors;
    private readonly InputBuffer[] _own;
    private readonly AlignedMemory[] _gatedSums;
    private readonly int _maxGated;
    private InputBuffer? _shared;
    private ActivationBuffer _joined; // outputs of a gated product

    // The phase in progress.
    private PanelMatrix? _w; // of a gated product its gate
    private GatedPanels? _gated;
    private PanelMatrix? _next; // of a gated product the matrix that its outputs are packed for
    private RowSource? _source; // null: the rows lie at _x
    private float* _x;
    private int _rows;
    private float* _y;
    private int _stride;
    private float _softCap;
    private long _work; // multiply-adds
    private LowRankProduct? _change; // what addons add to the outputs
    private GatedChanges _changes; // the same of a gated product

    /// <param name="maxColumns">Of the widest matrix, the second ones of gated pairs aside.</param>
    /// <param name="maxGated">Columns of the widest second matrix of a gated pair.</param>
    public ParallelKernels(KernelSet kernels, ThreadTeam team, int maxColumns, int maxGated)
    {
        (Kernels, _team, MaxColumns, _maxGated) = (kernels, team, maxColumns, maxGated);
        // Made once: a step allocates nothing.
        (_projectOwn, _packTiles, _multiplyPacked, _multiplyJoined) = (ProjectOwn, PackTiles, MultiplyPacked, MultiplyJoined);
        _cursors = new long[team.Count * CursorStride];
        _own = new InputBuffer[team.Count];
        for (var part = 0; part < _own.Length; part++)
        {
            _own[part] = new InputBuffer(KernelSet.TileTokens, maxColumns);
        }

        _gatedSums = new AlignedMemory[team.Count];
        _joined = new ActivationBuffer(KernelSet.TileTokens, maxGated);
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
        (KernelSet.TileTokens * InputBuffer.BytesPerRow(MaxColumns)) + (KernelSet.GatedScratch(KernelSet.TileTokens) * sizeof(float)))
        + (KernelSet.TileTokens * ActivationBuffer.BytesPerRow(_maxGated));

    /// <summary>Memory for each row of the largest step, at most.</summary>
    public long BytesPerRow => InputBuffer.BytesPerRow(MaxColumns) + ActivationBuffer.BytesPerRow(_maxGated)
        + (_own.Length * (long)KernelSet.GatedScratch(1) * sizeof(float));

    /// <summary>What is taken now.</summary>
    public long SizeBytes => (_own.Length * KernelSet.TileTokens * InputBuffer.BytesPerRow(MaxColumns))
        + _gatedSums.Sum(sums => sums.LengthBytes) + _joined.SizeBytes
        + (_shared is null ? 0 : _shared.Rows * InputBuffer.BytesPerRow(MaxColumns));

    /// <summary>Makes room for steps of so many rows; nothing when it is there.</summary>
    public void Reserve(int rows)
    {
        if (_shared is null || _shared.Rows < rows)
        {
            _shared?.Dispose();
            _shared = new InputBuffer(rows, MaxColumns);
            if (rows > KernelSet.TileTokens)
            {
                _joined.Dispose();
                _joined = new ActivationBuffer(rows, _maxGated);
            }

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
    /// <param name="change">What addons add, begun for this product; null where none does.</param>
    public void Project(
        PanelMatrix w, RowSource source, int rows, Span<float> y, int stride, float softCap = 0, LowRankProduct? change = null)
    {
        change?.Shrink(this, source);
        _change = change;
        // Pinned until the team is done: the parts see the same buffers through plain pointers.
        fixed (float* output = y)
        {
            Begin(w, rows, output, y.Length, stride, softCap);
            MultiplyRows(source, null);
        }
    }

    /// <summary>The same of rows that are there: [rows, w.Columns].</summary>
    public void Project(PanelMatrix w, ReadOnlySpan<float> x, int rows, Span<float> y, int stride)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(x.Length, (long)rows * w.Columns, nameof(x));
        _change = null;
        fixed (float* input = x, output = y)
        {
            Begin(w, rows, output, y.Length, stride);
            MultiplyRows(null, input);
        }
    }

    /// <summary>y[r, o] = sum over k of down[o, k] · act(gate[k] · source(r)) · (up[k] · source(r)), with the biases of gate and up.</summary>
    /// <param name="down">Its columns are the rows of gate and up.</param>
    /// <param name="changes">What addons add, begun for these products.</param>
    public void ProjectGated(
        GatedPanels gateUp, PanelMatrix down, RowSource source, int rows, Span<float> y, int stride, GatedChanges changes = default)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(down.Columns, _maxGated, nameof(down));
        Reserve(rows);
        _joined.Begin(Kernels.FormOf(down.Format), down, rows);
        changes.GateUp?.Shrink(this, source);
        (_gated, _next, _changes) = (gateUp, down, changes);
        BeginProduct(gateUp.Gate, rows, 2L * gateUp.Gate.Rows);
        MultiplyRows(source, null);
        (_gated, _changes) = (null, default);
        changes.Down?.Shrink(this);
        _change = changes.Down;
        fixed (float* output = y)
        {
            Begin(down, rows, output, y.Length, stride);
            DealPanels();
            Run(_multiplyJoined, _work);
        }
    }

    private void Begin(PanelMatrix w, int rows, float* y, int length, int stride, float softCap = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(stride, w.Rows);
        ArgumentOutOfRangeException.ThrowIfLessThan(length, ((rows - 1L) * stride) + w.Rows, nameof(y));
        _y = y;
        (_stride, _softCap) = (stride, softCap);
        BeginProduct(w, rows, w.Rows);
    }

    private void BeginProduct(PanelMatrix w, int rows, long outputs)
    {
        (_w, _rows) = (w, rows);
        _work = rows * outputs * w.Columns;
    }

    private void MultiplyRows(RowSource? source, float* x)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(_w!.Columns, MaxColumns, nameof(_w));
        _source = source;
        _x = x;
        if (_rows <= KernelSet.TileTokens && (long)_rows * _w.Columns <= MostOwnValues)
        {
            DealPanels();
            Run(_projectOwn, _work);
        }
        else
        {
            Reserve(_rows);
            Run(_packTiles, _work);
            DealPanels();
            Run(_multiplyPacked, _work);
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
        _joined.Dispose();
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
    private void DealPanels()
    {
        var parts = _work < _team.MinimumWork ? 1 : _team.Count;
        for (var part = 0; part < parts; part++)
        {
            _cursors[part * CursorStride] = ShareStart(part, parts);
        }
    }

    private int ShareStart(int part, int parts)
    {
        if (_gated is null)
        {
            return (int)((long)_w!.PanelCount * part / parts);
        }

        var groups = (_w!.PanelCount + PanelsAtOnce - 1) / PanelsAtOnce;
        return Math.Min((int)((long)groups * part / parts) * PanelsAtOnce, _w.PanelCount);
    }

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

    private void MultiplyJoined(int part, int parts) => MultiplyShares(part, parts, _joined);

    /// <summary>The part's own share first, then what is left of its neighbours'.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void MultiplyShares(int part, int parts, ActivationBuffer input)
    {
        for (var i = 0; i < parts; i++)
        {
            var owner = (part + i) % parts;
            var (start, end) = (ShareStart(owner, parts), ShareStart(owner + 1, parts));
            var chunk = parts == 1 ? end : ChunkOf(end - start);
            ref var cursor = ref _cursors[owner * CursorStride];
            for (var first = Take(ref cursor, chunk); first < end; first = Take(ref cursor, chunk))
            {
                Multiply(part, first, Math.Min(first + chunk, end), input);
            }
        }
    }

    /// <summary>With many rows a panel is work for long, and the last chunk is what the others wait for.</summary>
    private int ChunkOf(int share)
    {
        var least = _rows <= KernelSet.TileTokens || _gated is not null ? PanelsAtOnce : 1;
        return _rows > ManyRows ? least : Math.Max(least, share / ChunksPerShare / least * least);
    }

    private static int Take(ref long cursor, int chunk) => (int)(Interlocked.Add(ref cursor, chunk) - chunk);

    private void Multiply(int part, int firstPanel, int endPanel, ActivationBuffer input)
    {
        if (_gated is not null)
        {
            var sums = _gatedSums[part].Slice<float>(0, KernelSet.GatedScratch(_rows));
            Kernels.MultiplyGated(_gated, firstPanel, endPanel, input, _rows, sums, _next!, _joined, _changes);
            return;
        }

        var length = checked(((_rows - 1) * _stride) + _w!.Rows);
        Kernels.Multiply(_w, firstPanel, endPanel, input, _rows, new Span<float>(_y, length), _stride);
        _change?.Expand(firstPanel, endPanel, _w.Rows, _y, _stride);
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
