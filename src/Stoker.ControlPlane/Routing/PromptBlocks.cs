using System.Collections.Immutable;

namespace Stoker.ControlPlane.Routing;

/// <summary>Where a prompt's blocks end, in bytes from its beginning: the same for every prompt, so that equal beginnings give equal blocks.</summary>
/// <remarks>
/// 512 bytes are some 128 tokens, less than what a replica computes in one step. Further in they grow, so that the longest body has few
/// of them: what the last block leaves out is an eighth of what stands before it, at most.
/// </remarks>
internal static class PromptBlocks
{
    private const int FirstBytes = 512;
    private const int FirstCount = 32;
    private const int Growth = 4;
    private const int GrownCount = 24;

    /// <summary>Longer prompts are not told apart behind it.</summary>
    private const int MostBytes = 16 << 20;

    public static ImmutableArray<int> Ends { get; } = Build();

    /// <summary>Whole blocks within so many bytes.</summary>
    public static int CountIn(long bytes)
    {
        var found = Ends.AsSpan().BinarySearch((int)Math.Min(bytes, MostBytes));
        return found >= 0 ? found + 1 : ~found;
    }

    /// <summary>What so many leading blocks come to.</summary>
    public static int BytesOf(int blocks) => blocks == 0 ? 0 : Ends[blocks - 1];

    private static ImmutableArray<int> Build()
    {
        var ends = ImmutableArray.CreateBuilder<int>();
        var (end, size, left) = (0, FirstBytes, FirstCount);
        while (end < MostBytes)
        {
            ends.Add(end += size);
            if (--left == 0) (size, left) = (size * Growth, GrownCount);
        }

        return ends.ToImmutable();
    }
}
