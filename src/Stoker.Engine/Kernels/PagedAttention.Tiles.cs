using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Stoker.Engine.KvCache;

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
        for (var block = first; block <= last; block++)
        {
            AddValues(scratch, pair, pairs, start, block, values);
        }
    }

    /// <summary>values += weights · values of one block, for those pairs of the tile that see it.</summary>
    private void AddValues(AttentionScratch scratch, int pair, int pairs, int start, int block, float* values)
    {
        RequireStep();
        var format = _kv.Format.PanelFormat();
        var (blockStart, from, to) = (start + (block * KvStore.BlockSize), 0, pairs);
        while (from < to && !Sees(scratch, pair + from, blockStart, KvStore.BlockSize)) from++;
        while (to > from && !Sees(scratch, pair + to - 1, blockStart, KvStore.BlockSize)) to--;
        if (from == to)
        {
            return;
        }

        var weights = scratch.Scores + (from * ChunkPositions) + (block * KvStore.BlockSize);
        _kernels.PackTile(format, weights, ChunkPositions, KvStore.BlockSize, to - from, scratch.Weights);
        var panelBytes = _kv.Format == KvFormat.F32 ? 32 * KvStore.BlockSize * sizeof(float) : 32 * KvStore.BlockSize * sizeof(ushort);
        for (var dim = 0; dim < _paddedDim; dim += 32)
        {
            _kernels.Tile(
                format, (byte*)scratch.ValuePanels[block] + (dim / 32 * panelBytes), KvStore.BlockSize, scratch.Weights, to - from,
                values + (from * _paddedDim) + dim, _paddedDim, accumulate: true);
        }
    }
}
