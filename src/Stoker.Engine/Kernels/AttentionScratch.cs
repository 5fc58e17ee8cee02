using Stoker.Engine.KvCache;
using Stoker.Engine.Native;

namespace Stoker.Engine.Kernels;

/// <summary>One thread's memory while it attends with a run of queries.</summary>
internal sealed unsafe class AttentionScratch : IDisposable
{
    private const int Tile = PagedAttention.TilePairs;
    private const int Pairs = AttentionPlan.MaxRunPairs;
    private const int Chunk = PagedAttention.ChunkPositions;

    private readonly AlignedMemory _memory;

    public AttentionScratch(int paddedDim)
    {
        long queries = (long)Pairs * paddedDim * sizeof(float), tile = (long)Tile * paddedDim * sizeof(float);
        long scores = (long)Tile * Chunk * sizeof(float), block = (long)Tile * KvStore.BlockSize * sizeof(float);
        _memory = new AlignedMemory((2 * queries) + (2 * tile) + (2 * scores) + block + (2L * Chunk * paddedDim * sizeof(ushort)));
        Queries = _memory.Start; // every size is a multiple of a cache line
        QueryRows = (float*)(Queries + queries);
        Scores = (float*)((byte*)QueryRows + tile);
        Weights = (byte*)Scores + scores;
        SomeWeights = Weights + scores;
        Values = (float*)(SomeWeights + block);
        Totals = (float*)((byte*)Values + tile);
        Decoded = (ushort*)((byte*)Totals + queries);
    }

    public long SizeBytes => _memory.LengthBytes;

    /// <summary>Packed queries of up to eight tiles.</summary>
    public byte* Queries { get; }

    /// <summary>Queries of one tile, [8][padded dim], zero behind the head's dimensions.</summary>
    public float* QueryRows { get; }

    /// <summary>[8][chunk positions]: scores, then weights.</summary>
    public float* Scores { get; }

    /// <summary>Packed weights of one tile, of the blocks that all its pairs see.</summary>
    public byte* Weights { get; }

    /// <summary>Packed weights of one block that only some pairs see.</summary>
    public byte* SomeWeights { get; }

    /// <summary>Weighted values of one tile and chunk, [8][padded dim].</summary>
    public float* Values { get; }

    /// <summary>Merged values of the run, [64][padded dim].</summary>
    public float* Totals { get; }

    /// <summary>Where fp8 panels of a chunk are decoded to: eight blocks' keys, then their values.</summary>
    public ushort* Decoded { get; }

    /// <summary>What belongs to <see cref="Totals"/>.</summary>
    public SoftmaxPart[] Parts { get; } = new SoftmaxPart[Pairs];

    /// <summary>First and last position that each pair of the run sees.</summary>
    public int[] First { get; } = new int[Pairs];

    public int[] Last { get; } = new int[Pairs];

    /// <summary>Key and value panels of the chunk's blocks.</summary>
    public nint[] Keys { get; } = new nint[PagedAttention.ChunkBlocks];

    public nint[] ValuePanels { get; } = new nint[PagedAttention.ChunkBlocks];

    public void Dispose() => _memory.Dispose();
}
