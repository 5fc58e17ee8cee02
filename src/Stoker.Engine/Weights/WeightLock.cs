using System.Globalization;
using Stoker.Engine.Native;

namespace Stoker.Engine.Weights;

/// <summary>Keeps a model's weights in memory: idle pages of a mapped file may be dropped otherwise, and swapped ones come back slowly.</summary>
internal static unsafe class WeightLock
{
    /// <returns>Null when all are locked; else a sentence with the limit and what to do. The model works either way.</returns>
    public static string? Lock(PackedWeights weights)
    {
        var locked = weights.Matrices.Values.All(matrix => MemoryAdvice.Lock(matrix.Panel(0), matrix.SizeBytes));
        return locked ? null : Refused(weights.SizeBytes, MemoryAdvice.LockableBytes());
    }

    private static string Refused(long needed, long? allowed) => string.Create(
        CultureInfo.InvariantCulture,
        $"The weights ({needed} bytes) are not locked in memory: the system allows {(allowed is { } bytes ? $"{bytes} bytes" : "less")}. "
        + $"Raise the limit of locked memory (ulimit -l {(needed / 1024) + 1024}, LimitMEMLOCK= of a systemd unit, --ulimit memlock= of a container), or leave lock-memory out.");
}
