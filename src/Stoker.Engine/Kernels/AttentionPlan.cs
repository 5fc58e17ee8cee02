using Stoker.Engine.Models;

namespace Stoker.Engine.Kernels;

/// <summary>
/// Queries of one sequence that one item attends with: pairs (row, head of the group), row by row, counted from the
/// sequence's first row of the step.
/// </summary>
/// <param name="FirstRow">The sequence's first row in the batch.</param>
/// <param name="FirstPosition">Its position.</param>
/// <param name="FirstPair">From here on,</param>
/// <param name="Pairs">so many.</param>
/// <param name="FirstChunk">Chunks of keys that any of the pairs sees: from here</param>
/// <param name="EndChunk">to here.</param>
/// <param name="FirstSlot">Where its partial results lie when it is split over keys, for kv head 0; counted in
/// vectors.</param>
internal readonly record struct QueryRun(
    int FirstRow, int FirstPosition, int FirstPair, int Pairs, int FirstChunk, int EndChunk, int FirstSlot)
{
    public int Chunks => EndChunk - FirstChunk;

    public int Slots => Chunks * Pairs;
}

/// <summary>How the attention of a step is cut into items: kv heads x runs of queries x, where those are few, keys.</summary>
/// <remarks>Which cut is taken never shows in a result: each chunk of keys is reduced alone and merged in order.</remarks>
/// <param name="heads">Query heads.</param>
/// <param name="threads">Threads that take the items.</param>
/// <param name="maxSlots">Partial results that there is room for.</param>
internal sealed class AttentionPlan(int heads, int kvHeads, int headDim, int threads, int maxRows, int maxSlots)
{
    /// <summary>
    /// Queries that share one passage over the keys in prefill: a chunk of keys and values (64 KiB at 64 dimensions)
    /// stays in the level-2 cache while eight tiles pass over it.
    /// </summary>
    public const int MaxRunPairs = 64;

    /// <summary>Items a thread should find, so that the slowest one does not hold up the rest for long.</summary>
    private const int ItemsPerThread = 4;

    private readonly int _group = heads / kvHeads;
    private readonly QueryRun[] _runs = new QueryRun[checked(maxRows * Runs(heads / kvHeads, PagedAttention.TilePairs))];
    private int _runCount;
    private int _maxChunks;
    private int _slots;

    public ReadOnlySpan<QueryRun> RunSpan => _runs.AsSpan(0, _runCount);

    /// <summary>Parts that each run's keys are cut into; some may be empty. 1: not cut.</summary>
    public int KeyParts { get; private set; }

    public int Items => _runCount * kvHeads * KeyParts;

    /// <summary>Multiply-adds of all scores and sums.</summary>
    public long Work { get; private set; }

    /// <param name="minimumWork">Under it one thread does all.</param>
    public void Make(StepBatch batch, int window, long minimumWork)
    {
        Work = WorkOf(batch.Positions, window);
        var takers = Work < minimumWork ? 1 : threads;
        var pairs = MaxRunPairs;
        Cut(batch, window, pairs);
        while (takers > 1 && pairs > PagedAttention.TilePairs && _runCount * kvHeads < ItemsPerThread * takers)
        {
            Cut(batch, window, pairs /= 2);
        }

        // Few queries, as in decode: the keys are cut as well, where the partial results have room.
        var items = _runCount * kvHeads;
        KeyParts = takers > 1 && items < 2 * takers && (long)_slots * kvHeads <= maxSlots
            ? Math.Min(_maxChunks, Runs(ItemsPerThread * takers, items))
            : 1;
    }

    /// <summary>The item's run, kv head and chunks. Heads come one after the other, long runs first.</summary>
    public (int Run, int Head, int FirstChunk, int EndChunk) Item(int item)
    {
        var (part, rest) = (item % KeyParts, item / KeyParts);
        var run = _runCount - 1 - (rest % _runCount);
        var (first, chunks) = (_runs[run].FirstChunk, _runs[run].Chunks);
        return (run, rest / _runCount, first + (chunks * part / KeyParts), first + (chunks * (part + 1) / KeyParts));
    }

    /// <summary>Runs of about one size, of whole tiles: threads that take one each are done together.</summary>
    private static int EvenRun(int pairs, int most) =>
        Runs(Runs(pairs, Runs(pairs, most)), PagedAttention.TilePairs) * PagedAttention.TilePairs;

    private static int Runs(int count, int size) => (count + size - 1) / size;

    private void Cut(StepBatch batch, int window, int pairsPerRun)
    {
        (_runCount, _maxChunks, _slots) = (0, 0, 0);
        for (var sequence = 0; sequence < batch.SequenceCount; sequence++)
        {
            var (row, rows) = batch.RowsOf(sequence);
            var position = batch.Positions[row];
            var each = EvenRun(rows * _group, pairsPerRun);
            for (var pair = 0; pair < rows * _group; pair += each)
            {
                var count = Math.Min(each, (rows * _group) - pair);
                var first = FirstSeen(position + (pair / _group), window) / PagedAttention.ChunkPositions;
                var end = ((position + ((pair + count - 1) / _group)) / PagedAttention.ChunkPositions) + 1;
                var run = new QueryRun(row, position, pair, count, first, end, _slots);
                _runs[_runCount++] = run;
                _maxChunks = Math.Max(_maxChunks, run.Chunks);
                _slots = (int)Math.Min(int.MaxValue, (long)_slots + run.Slots);
            }
        }
    }

    /// <summary>The first position that a row at <paramref name="position"/> sees; a window of 0 has no limit.</summary>
    public static int FirstSeen(int position, int window) => window > 0 ? Math.Max(0, position - window + 1) : 0;

    private long WorkOf(ReadOnlySpan<int> positions, int window)
    {
        var keys = 0L;
        foreach (var position in positions)
        {
            keys += position + 1 - FirstSeen(position, window);
        }

        return keys * 2 * heads * headDim;
    }
}
