using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Stoker.Engine.KvCache;

namespace Stoker.Engine.Kernels;

/// <remarks>
/// One item: (1) pack the run's queries, (2) for each of its chunks find the blocks' panels, (3) let each tile of the
/// run pass over the chunk, (4) merge and write. When the keys are divided, chunks leave their results in the partials and
/// whoever finishes last merges them.
/// </remarks>
internal sealed unsafe partial class PagedAttention
{
    private void Attend(AttentionScratch scratch, int item)
    {
        RequireStep();
        var (runIndex, head, firstChunk, endChunk) = _plan.Item(item);
        var run = _plan.RunSpan[runIndex];
        var isDivided = _plan.KeyParts > 1;
        SetBounds(scratch, run);
        if (firstChunk < endChunk)
        {
            PackQueries(scratch, run, head);
        }

        if (!isDivided)
        {
            Reset(scratch, run);
        }

        var table = _batch.BlockTable(run.FirstRow);
        var slot = (run.FirstSlot * _kvHeads) + (head * run.Slots) + ((firstChunk - run.FirstChunk) * run.Pairs);
        for (var chunk = firstChunk; chunk < endChunk; chunk++, slot += run.Pairs)
        {
            FindPanels(scratch, run, chunk, table, head);
            FindPanelsAhead(scratch, run, chunk + 1 < endChunk ? chunk + 1 : -1, table, head);
            for (var pair = 0; pair < run.Pairs; pair += TilePairs)
            {
                var pairs = Math.Min(TilePairs, run.Pairs - pair);
                if (isDivided)
                {
                    var values = (float*)_partialValues.Start + ((long)(slot + pair) * _paddedDim);
                    ReduceChunk(scratch, pair, pairs, chunk, values, _partials.AsSpan(slot + pair, pairs));
                }
                else
                {
                    PassOver(scratch, pair, pairs, chunk);
                }

                if (pair == 0)
                {
                    FetchNothing(scratch); // the other tiles find all in the cache
                }
            }
        }

        // The decrement is a fence: the last one sees what the others have left.
        if (!isDivided)
        {
            Write(scratch, run, head);
        }
        else if (Interlocked.Decrement(ref _partsLeft[(head * _plan.RunSpan.Length) + runIndex]) == 0)
        {
            MergePartials(scratch, run, head);
            Write(scratch, run, head);
        }
    }

    /// <summary>Which positions each pair of the run sees.</summary>
    private void SetBounds(AttentionScratch scratch, in QueryRun run)
    {
        for (var pair = 0; pair < run.Pairs; pair++)
        {
            var position = run.FirstPosition + ((run.FirstPair + pair) / _group);
            (scratch.First[pair], scratch.Last[pair]) = (AttentionPlan.FirstSeen(position, _window), position);
        }
    }

    private void PackQueries(AttentionScratch scratch, in QueryRun run, int head)
    {
        RequireStep();
        var format = _kv.Format.PanelFormat();
        for (var pair = 0; pair < run.Pairs; pair += TilePairs)
        {
            var pairs = Math.Min(TilePairs, run.Pairs - pair);
            for (var i = 0; i < pairs; i++)
            {
                var source = Query(_queries, _queryStride, run, head, pair + i);
                var target = new Span<float>(scratch.QueryRows + (i * _paddedDim), _paddedDim);
                new ReadOnlySpan<float>(source, _headDim).CopyTo(target);
                target[_headDim..].Clear();
            }

            _kernels.PackTile(format, scratch.QueryRows, _paddedDim, _paddedDim, pairs, PackedQueries(scratch, pair));
        }
    }

    /// <summary>A tile's place among the packed queries, as large as the widest form needs.</summary>
    private byte* PackedQueries(AttentionScratch scratch, int pair) => scratch.Queries + ((long)pair * _paddedDim * sizeof(float));

    /// <summary>Where a pair's head begins in [rows, heads · head dim].</summary>
    private float* Query(float* rows, int stride, in QueryRun run, int head, int pair)
    {
        var (row, member) = (run.FirstRow + ((run.FirstPair + pair) / _group), (run.FirstPair + pair) % _group);
        return rows + ((long)row * stride) + (((head * _group) + member) * _headDim);
    }

    /// <summary>The panels of the chunk's blocks, as far as the run sees any of them; fp8 is decoded.</summary>
    private void FindPanels(AttentionScratch scratch, in QueryRun run, int chunk, ReadOnlySpan<int> table, int head)
    {
        RequireStep();
        var start = chunk * ChunkPositions;
        var first = Math.Max(0, scratch.First[0] - start) / KvStore.BlockSize;
        var last = Math.Min(ChunkPositions - 1, scratch.Last[run.Pairs - 1] - start) / KvStore.BlockSize;
        var elements = KvStore.BlockSize * _paddedDim;
        for (var block = first; block <= last; block++)
        {
            var keys = _kv.KeyPanel(_layer, table[(chunk * ChunkBlocks) + block], head);
            var values = keys + _kv.PanelBytes;
            if (_kv.Format == KvFormat.Fp8)
            {
                var decodedKeys = scratch.Decoded + (block * elements);
                var decodedValues = decodedKeys + (ChunkBlocks * elements);
                KvCodec.Fp8ToBf16(keys, decodedKeys, elements);
                KvCodec.Fp8ToBf16(values, decodedValues, elements);
                keys = (byte*)decodedKeys;
                values = (byte*)decodedValues;
            }

            (scratch.Keys[block], scratch.ValuePanels[block]) = ((nint)keys, (nint)values);
        }
    }

    /// <summary>
    /// A run's first tile goes over keys and values that come from memory, in panels of 4 KiB that no stream of the hardware
    /// leads to. So while a block's scores are computed its values are fetched, and while its values are, the keys a
    /// chunk further on: a context of 8,192 is read with 19 GB/s by one core instead of 16. Fp8 is decoded a chunk at a time,
    /// there both are of the next chunk.
    /// </summary>
    /// <param name="next">The chunk after this one; -1: there is none.</param>
    private void FindPanelsAhead(AttentionScratch scratch, in QueryRun run, int next, ReadOnlySpan<int> table, int head)
    {
        RequireStep();
        FetchNothing(scratch);
        if (_kv.Format != KvFormat.Fp8)
        {
            scratch.ValuePanels.CopyTo(scratch.AheadOfValues, 0);
        }

        var last = next < 0 ? -1 : Math.Min(ChunkPositions - 1, scratch.Last[run.Pairs - 1] - (next * ChunkPositions)) / KvStore.BlockSize;
        for (var block = 0; block <= last; block++)
        {
            var keys = _kv.KeyPanel(_layer, table[(next * ChunkBlocks) + block], head);
            scratch.AheadOfKeys[block] = (nint)keys;
            if (_kv.Format == KvFormat.Fp8)
            {
                scratch.AheadOfValues[block] = (nint)(keys + _kv.PanelBytes);
            }
        }
    }

    private static void FetchNothing(AttentionScratch scratch)
    {
        Array.Clear(scratch.AheadOfKeys);
        Array.Clear(scratch.AheadOfValues);
    }

    private void Reset(AttentionScratch scratch, in QueryRun run)
    {
        NativeMemory.Clear(scratch.Totals, (nuint)(run.Pairs * _paddedDim * sizeof(float)));
        scratch.Parts.AsSpan(0, run.Pairs).Fill(SoftmaxPart.None);
    }

    /// <summary>A tile over one chunk, merged at once.</summary>
    private void PassOver(AttentionScratch scratch, int pair, int pairs, int chunk)
    {
        Span<SoftmaxPart> parts = stackalloc SoftmaxPart[TilePairs];
        ReduceChunk(scratch, pair, pairs, chunk, scratch.Values, parts);
        MergeChunk(scratch, pair, pairs, chunk, scratch.Values, parts);
    }

    private void MergePartials(AttentionScratch scratch, in QueryRun run, int head)
    {
        Reset(scratch, run);
        var slot = (run.FirstSlot * _kvHeads) + (head * run.Slots);
        for (var chunk = run.FirstChunk; chunk < run.EndChunk; chunk++, slot += run.Pairs)
        {
            var values = (float*)_partialValues.Start + ((long)slot * _paddedDim);
            for (var pair = 0; pair < run.Pairs; pair += TilePairs)
            {
                var pairs = Math.Min(TilePairs, run.Pairs - pair);
                MergeChunk(scratch, pair, pairs, chunk, values + ((long)pair * _paddedDim), _partials.AsSpan(slot + pair, pairs));
            }
        }
    }

    private void MergeChunk(AttentionScratch scratch, int pair, int pairs, int chunk, float* values, ReadOnlySpan<SoftmaxPart> parts)
    {
        var (from, end) = SeeingPairs(scratch, pair, pairs, chunk * ChunkPositions, ChunkPositions);
        if (from < end)
        {
            var totals = scratch.Totals + ((pair + from) * _paddedDim);
            var totalParts = scratch.Parts.AsSpan(pair + from, end - from);
            _kernels.Merge(totals, totalParts, values + (from * _paddedDim), parts[from..end], _paddedDim);
        }
    }

    /// <summary>The pairs of a tile that see any of these positions: rows ascend, so they stand together.</summary>
    private static (int First, int End) SeeingPairs(AttentionScratch scratch, int pair, int pairs, int start, int count)
    {
        var (from, end) = (0, pairs);
        while (from < end && !Sees(scratch, pair + from, start, count)) from++;
        while (end > from && !Sees(scratch, pair + end - 1, start, count)) end--;
        return (from, end);
    }

    private static bool Sees(AttentionScratch scratch, int pair, int start, int count) =>
        scratch.Last[pair] >= start && scratch.First[pair] < start + count;

    /// <summary>Divides by the sum. Adding 0 makes -0 to 0: which zero it was hung on keys that the row does not see.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Write(AttentionScratch scratch, in QueryRun run, int head)
    {
        for (var pair = 0; pair < run.Pairs; pair++)
        {
            var source = scratch.Totals + (pair * _paddedDim);
            var target = Query(_attended, _attendedStride, run, head, pair);
            var share = 1 / scratch.Parts[pair].Sum;
            var dim = 0;
            for (; dim <= _headDim - Vector<float>.Count; dim += Vector<float>.Count)
            {
                Vector.Store((Vector.Load(source + dim) * share) + Vector<float>.Zero, target + dim);
            }

            for (; dim < _headDim; dim++)
            {
                target[dim] = (source[dim] * share) + 0f;
            }
        }
    }

    [MemberNotNull(nameof(_batch), nameof(_kv))]
    private void RequireStep()
    {
        if (_batch is null || _kv is null)
        {
            throw new InvalidOperationException("no step is in progress");
        }
    }
}
