using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;
using Stoker.Engine.KvCache;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Kernels;

/// <remarks>One tile against one chunk of keys.</remarks>
internal sealed unsafe partial class PagedAttention
{
    /// <summary>
    /// Reduces a chunk for the pairs of a tile: (1) scores of all blocks that one of them sees, (2) softmax of each pair
    /// over the positions that it sees, (3) weighted values, block by block, of the pairs that see the block: one that
    /// does not is left out, so that it cannot be touched by what lies there.
    /// </summary>
    /// <param name="values">[pairs, padded dim], overwritten.</param>
    /// <param name="parts">Of the pairs that see the chunk.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ReduceChunk(AttentionScratch scratch, int pair, int pairs, int chunk, float* values, Span<SoftmaxPart> parts)
    {
        RequireStep();
        var format = _kv.Format.PanelFormat();
        var start = chunk * ChunkPositions;
        var first = Math.Max(0, scratch.First[pair] - start) / KvStore.BlockSize;
        var last = Math.Min(ChunkPositions - 1, scratch.Last[pair + pairs - 1] - start);
        if (last < 0 || first >= ChunkBlocks)
        {
            return; // other tiles of the run see this chunk
        }

        last /= KvStore.BlockSize;
        for (var block = first; block <= last; block++)
        {
            var scores = scratch.Scores + (block * KvStore.BlockSize);
            Fetch((byte*)scratch.AheadOfValues[block]);
            _kernels.Tile(
                format, (byte*)scratch.Keys[block], _paddedDim, PackedQueries(scratch, pair), pairs, scores, ChunkPositions, accumulate: false);
        }

        for (var i = 0; i < pairs; i++)
        {
            var (from, to) = (Math.Max(0, scratch.First[pair + i] - start), Math.Min(ChunkPositions - 1, scratch.Last[pair + i] - start));
            if (from <= to)
            {
                parts[i] = _kernels.Softmax(scratch.Scores + (i * ChunkPositions), from, to + 1, _scale);
            }
        }

        NativeMemory.Clear(values, (nuint)(pairs * _paddedDim * sizeof(float)));
        AddValues(scratch, pair, pairs, start, first, last, values);
    }

    /// <summary>values += weights · values, block by block; blocks that all pairs see, which are nearly all, are packed in one go.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddValues(AttentionScratch scratch, int pair, int pairs, int start, int first, int last, float* values)
    {
        RequireStep();
        var format = _kv.Format.PanelFormat();
        var firstShared = Math.Max(0, scratch.First[pair + pairs - 1] - start) / KvStore.BlockSize;
        var endShared = scratch.Last[pair] < start ? 0 : Math.Min(last, (scratch.Last[pair] - start) / KvStore.BlockSize) + 1;
        if (firstShared < endShared)
        {
            var scores = scratch.Scores + (firstShared * KvStore.BlockSize);
            _kernels.PackTile(format, scores, ChunkPositions, (endShared - firstShared) * KvStore.BlockSize, pairs, scratch.Weights);
        }

        var blockBytes = (long)_kernels.FormOf(format).TokenBytes(KvStore.BlockSize) * pairs;
        for (var block = first; block <= last; block++)
        {
            Fetch((byte*)scratch.AheadOfKeys[block]);
            if (block >= firstShared && block < endShared)
            {
                AddBlock(scratch, block, scratch.Weights + ((block - firstShared) * blockBytes), pairs, values);
            }
            else
            {
                AddValuesForSome(scratch, pair, pairs, start, block, values);
            }
        }
    }

    /// <summary>The same for a block that some pairs of the tile do not see: they are left out.</summary>
    private void AddValuesForSome(AttentionScratch scratch, int pair, int pairs, int start, int block, float* values)
    {
        RequireStep();
        var (from, end) = SeeingPairs(scratch, pair, pairs, start + (block * KvStore.BlockSize), KvStore.BlockSize);
        if (from < end)
        {
            var weights = scratch.Scores + (from * ChunkPositions) + (block * KvStore.BlockSize);
            _kernels.PackTile(_kv.Format.PanelFormat(), weights, ChunkPositions, KvStore.BlockSize, end - from, scratch.SomeWeights);
            AddBlock(scratch, block, scratch.SomeWeights, end - from, values + (from * _paddedDim));
        }
    }

    /// <summary>Asks for a panel to be brought into the level-2 cache: the first one has no room for a chunk.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Fetch(byte* panel)
    {
        RequireStep();
        if (panel is not null && Sse.IsSupported)
        {
            for (var at = 0; at < _kv.PanelBytes; at += 64)
            {
                Sse.Prefetch1(panel + at);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void AddBlock(AttentionScratch scratch, int block, byte* weights, int pairs, float* values)
    {
        RequireStep();
        var format = _kv.Format.PanelFormat();
        var panelBytes = PanelLayout.PanelBytes(format, KvStore.BlockSize);
        var panel = (byte*)scratch.ValuePanels[block];
        for (var dim = 0; dim < _paddedDim; dim += PanelLayout.Rows, panel += panelBytes)
        {
            _kernels.Tile(format, panel, KvStore.BlockSize, weights, pairs, values + dim, _paddedDim, accumulate: true);
        }
    }
}
