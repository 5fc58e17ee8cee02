namespace Stoker.ControlPlane.Capacity;

/// <summary>How many accelerators a replica needs where nobody says: pure arithmetic on memory.</summary>
public static class AcceleratorNeed
{
    /// <summary>What of an accelerator's memory a <see cref="ReplicaMemory"/> may fill; activations and the runtime have the rest.</summary>
    private const double UsableShare = 0.9;

    private const int Most = 64;

    /// <summary>The smallest power of two whose accelerators hold the replica, being equal shares; 1 on CPU.</summary>
    /// <param name="memory">Null when the size of the model is not known.</param>
    /// <param name="longPrompt">Twice the memory, twice the count, two at least.</param>
    public static int Count(AcceleratorType type, ReplicaMemory? memory, bool longPrompt)
    {
        var count = 1;
        if (type.MemoryBytes > 0 && memory is not null)
        {
            while (count < Most && UsableBytes(type, count) < memory.Total) count *= 2;
        }

        return longPrompt ? count * 2 : count;
    }

    /// <summary>
    /// The fewest accelerators whose memory holds the replica; null on CPU, whose share of memory is no property of the type,
    /// and where the size of the model is not known.
    /// </summary>
    public static long? Fewest(AcceleratorType type, ReplicaMemory? memory, bool longPrompt)
    {
        if (type.MemoryBytes == 0 || memory is null) return null;
        var needed = longPrompt ? 2.0 * memory.Total : memory.Total;
        var count = Math.Max(1, (long)(needed / UsableBytes(type, 1)));
        while (UsableBytes(type, count) < needed) count++;
        return count;
    }

    /// <summary>What so many have for a replica.</summary>
    public static double UsableBytes(AcceleratorType type, long count) => count * type.MemoryBytes * UsableShare;
}
