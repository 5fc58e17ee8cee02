using Stoker.Engine.KvCache;
using Stoker.Engine.Models;
using Stoker.Engine.Native;

namespace Stoker.Engine.Kernels;

/// <summary>
/// softmax(scale · q·k, capped, masked) · v over the paged KV cache, for all rows of a step: rows in prefill, decode or
/// verification alike.
/// </summary>
/// <remarks>
/// Up to eight queries that share a kv head (rows of one sequence, heads of the group) form a tile; a tile against the 32
/// keys of a block is one small matrix product, and so is its weights against the block's values.
/// The order of every sum follows from positions alone: keys are reduced in chunks of 256 positions at absolute
/// multiples of 256, each to (highest score, sum of exponentials, weighted values), and a row's chunks are merged in
/// ascending order; within a chunk the blocks that the row sees are added in ascending order. So the bits do not
/// depend on the rows beside it, the step it came in, the thread, or whether the keys were divided over threads.
/// One step at a time. Nothing is allocated in a step.
/// </remarks>
internal sealed unsafe partial class PagedAttention : IDisposable
{
    /// <summary>Queries in a tile: what the matrix tiles take at most.</summary>
    public const int TilePairs = 8;

    /// <summary>Positions that are reduced together.</summary>
    public const int ChunkPositions = 256;

    public const int ChunkBlocks = ChunkPositions / KvStore.BlockSize;

    /// <summary>
    /// Partial results when keys are divided over threads: 32 MiB hold one sequence of 64 heads with 128 dimensions at a
    /// context of 250,000; what does not fit is not divided. Untouched pages cost nothing.
    /// </summary>
    private const long MaxPartialBytes = 32L << 20;

    private readonly KernelSet _kernels;
    private readonly ThreadTeam _team;
    private readonly int _group;
    private readonly int _kvHeads;
    private readonly int _headDim;
    private readonly int _paddedDim;
    private readonly AttentionPlan _plan;
    private readonly AttentionScratch[] _scratches;
    private readonly AlignedMemory _partialValues;
    private readonly SoftmaxPart[] _partials; // beside them: one for each vector
    private readonly int[] _partsLeft; // of each run and kv head
    private readonly Action<int, int> _takeItems;

    // The step in progress; the team's job reads them, so that it needs no closure.
    private StepBatch? _batch;
    private KvStore? _kv;
    private AttentionScale _scale;
    private int _layer;
    private int _window;
    private float* _queries;
    private float* _attended;
    private int _queryStride;
    private int _attendedStride;
    private int _taken;

    /// <param name="contextLength">Positions of a sequence at most.</param>
    /// <param name="maxRows">Rows of a step at most.</param>
    public PagedAttention(KernelSet kernels, ThreadTeam team, int heads, int kvHeads, int headDim, int contextLength, int maxRows)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(kvHeads);
        ArgumentOutOfRangeException.ThrowIfNotEqual(heads % kvHeads, 0, nameof(heads));
        (_kernels, _team, _group, _kvHeads, _headDim) = (kernels, team, heads / kvHeads, kvHeads, headDim);
        _paddedDim = KvStore.PadDim(headDim);
        var slots = PartialSlots(team.Count, heads, _paddedDim, contextLength);
        _plan = new AttentionPlan(heads, kvHeads, headDim, team.Count, maxRows, slots);
        _partialValues = new AlignedMemory((long)slots * _paddedDim * sizeof(float));
        _partials = new SoftmaxPart[slots];
        _partsLeft = new int[2 * team.Count];
        _scratches = new AttentionScratch[team.Count];
        for (var i = 0; i < _scratches.Length; i++)
        {
            _scratches[i] = new AttentionScratch(_paddedDim);
        }

        _takeItems = TakeItems;
    }

    /// <summary>Memory of threads and partial results, taken once, whatever the rows of a step.</summary>
    public static long BytesFor(int threads, int heads, int headDim, int contextLength)
    {
        var paddedDim = KvStore.PadDim(headDim);
        var slotBytes = ((long)paddedDim * sizeof(float)) + sizeof(SoftmaxPart);
        return (threads * AttentionScratch.BytesFor(paddedDim)) + (PartialSlots(threads, heads, paddedDim, contextLength) * slotBytes);
    }

    /// <summary>Attends with all rows of the batch; their keys and values are in the store already.</summary>
    /// <param name="window">Positions that a row sees, itself included; 0: all before it.</param>
    /// <param name="queries">[rows, heads · head dim], rows <paramref name="queryStride"/> apart.</param>
    /// <param name="attended">[rows, heads · head dim], rows <paramref name="attendedStride"/> apart;
    /// overwritten.</param>
    public void Run(
        StepBatch batch, KvStore kv, int layer, int window, AttentionScale scale, float* queries, int queryStride, float* attended,
        int attendedStride)
    {
        if (kv.Shape.KvHeads != _kvHeads || kv.Shape.HeadDim != _headDim)
        {
            throw new ArgumentException(
                $"the KV store has {kv.Shape.KvHeads} heads of {kv.Shape.HeadDim}, attention {_kvHeads} of {_headDim}", nameof(kv));
        }

        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(scale.Factor, nameof(scale));
        ArgumentOutOfRangeException.ThrowIfNegative(window);
        (_batch, _kv, _layer, _window, _scale) = (batch, kv, layer, window, scale);
        (_queryStride, _attendedStride) = (queryStride, attendedStride);
        _queries = queries;
        _attended = attended;
        _plan.Make(batch, window, _team.MinimumWork);
        _taken = 0;
        if (_plan.KeyParts > 1)
        {
            _partsLeft.AsSpan(0, _plan.Items / _plan.KeyParts).Fill(_plan.KeyParts);
        }

        if (_plan.Work < _team.MinimumWork)
        {
            TakeItems(0, 1);
        }
        else
        {
            _team.Run(_takeItems);
        }

        (_batch, _kv) = (null, null);
    }

    /// <summary>The same on managed buffers.</summary>
    public void Run(
        StepBatch batch, KvStore kv, int layer, int window, AttentionScale scale, ReadOnlySpan<float> queries, int queryStride,
        Span<float> attended)
    {
        var (rows, width) = (batch.RowCount, _group * _kvHeads * _headDim);
        ArgumentOutOfRangeException.ThrowIfLessThan(queryStride, width);
        ArgumentOutOfRangeException.ThrowIfLessThan(queries.Length, ((long)(rows - 1) * queryStride) + width, nameof(queries));
        ArgumentOutOfRangeException.ThrowIfLessThan(attended.Length, (long)rows * width, nameof(attended));
        fixed (float* source = queries, target = attended)
        {
            Run(batch, kv, layer, window, scale, source, queryStride, target, width);
        }
    }

    public void Dispose()
    {
        _partialValues.Dispose();
        foreach (var scratch in _scratches)
        {
            scratch.Dispose();
        }
    }

    /// <summary>Two sequences with a full context; one thread alone divides nothing.</summary>
    private static int PartialSlots(int threads, int heads, int paddedDim, int contextLength)
    {
        var useful = 2L * heads * ((contextLength + ChunkPositions - 1) / ChunkPositions);
        return threads == 1 ? 0 : (int)Math.Min(useful, MaxPartialBytes / (paddedDim * sizeof(float)));
    }

    /// <summary>Job: items are taken one by one, as rows and contexts differ in length.</summary>
    private void TakeItems(int thread, int threads)
    {
        for (int item; (item = Interlocked.Increment(ref _taken) - 1) < _plan.Items;)
        {
            Attend(_scratches[thread], item);
        }
    }
}
