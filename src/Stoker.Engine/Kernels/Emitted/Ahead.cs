namespace Stoker.Engine.Kernels.Emitted;

/// <summary>What a tile fetches of the block of weights behind its own, into the level-2 cache.</summary>
internal enum Ahead
{
    Nothing,
    All,

    /// <summary>An <see cref="AheadPart"/>: several tiles share the fetching; Bf16 and Fp8 alone.</summary>
    Part,
}

/// <summary>The part of the next block that one of several tiles fetches while it computes.</summary>
/// <param name="Start">Its first byte, counted from the tile's weights.</param>
/// <param name="StepBytes">So many with each of the tile's steps, up to a cache line.</param>
internal readonly record struct AheadPart(long Start, int StepBytes)
{
    public const int StartShift = 16;
    public const int BytesShift = 8;
    public const int BytesMask = 0xFF;

    /// <summary>
    /// A tile's part is as large as its tokens among those that share the block; of two each has half, as no step fetches more than a line.
    /// </summary>
    /// <param name="steps">Of a tile, each over <see cref="TileEmitter.StepBytes"/> of weights.</param>
    /// <param name="sharing">Tokens of all tiles that share it.</param>
    /// <param name="left">Tokens of this tile and those behind it, at most <paramref name="sharing"/>.</param>
    public static AheadPart Of(long steps, int sharing, int left)
    {
        var block = steps * TileEmitter.StepBytes;
        if (sharing <= 2 * KernelSet.TileTokens) return new(block + (left < sharing ? block / 2 : 0), TileEmitter.StepBytes / 2);
        var own = Math.Min(KernelSet.TileTokens, left);
        return new(block + (block * (sharing - left) / sharing), ((TileEmitter.StepBytes * own) + sharing - 1) / sharing);
    }

    /// <summary>The tile's sixth argument.</summary>
    /// <param name="accumulate">The sums start at the outputs, else at nothing.</param>
    public long Argument(bool accumulate) => (Start << StartShift) | ((long)StepBytes << BytesShift) | (accumulate ? 1L : 0);
}
