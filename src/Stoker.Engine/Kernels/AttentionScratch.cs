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
        _memory = new AlignedMemory(BytesFor(paddedDim));
        long queries = RowBytes(Pairs, paddedDim), tile = RowBytes(Tile, paddedDim);
        long scores = RowBytes(Tile, Chunk), block = RowBytes(Tile, KvStore.BlockSize);
        Queries = _memory.Start; // every size is a multiple of a cache line
        QueryRows = (float*)(Queries + queries);
        Scores = (float*)((byte*)QueryRows + tile);
        Weights = (byte*)Scores + scores;
        SomeWeights = Weights + scores;
        Values = (float*)(SomeWeights + block);
        Totals = (float*)((byte*)Values + tile);
        Decoded = (ushort*)((byte*)Totals + queries);
    }

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

    /// <summary>What is fetched from memory while a block's scores are computed, and while its values are; 0: nothing.</summary>
    public nint[] AheadOfValues { get; } = new nint[PagedAttention.ChunkBlocks];

    public nint[] AheadOfKeys { get; } = new nint[PagedAttention.ChunkBlocks];

    public static long BytesFor(int paddedDim) =>
        (2 * RowBytes(Pairs, paddedDim)) + (2 * RowBytes(Tile, paddedDim)) + (2 * RowBytes(Tile, Chunk)) + RowBytes(Tile, KvStore.BlockSize)
        + (2L * Chunk * paddedDim * sizeof(ushort));

    public void Dispose() => _memory.Dispose();

    private static long RowBytes(int rows, int width) => (long)rows * width * sizeof(float);
}
