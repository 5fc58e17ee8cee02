using System.Globalization;

namespace Stoker.Engine.Native;

/// <summary>How much memory this process may have at the most.</summary>
/// <remarks>
/// The runtime's own figure is no answer: in a container it is the collector's share, three quarters of the limit, and
/// weights and KV cache do not live on the collector's heap.
/// </remarks>
internal static class MachineMemory
{
    /// <summary>The least of the machine's memory and the limits of all cgroups above this process.</summary>
    public static long LimitBytes() => LimitBytes("/proc", "/sys/fs/cgroup");

    /// <param name="proc">Where the system says what the machine has, and which cgroup this is.</param>
    /// <param name="cgroups">Where the cgroups are, version 2.</param>
    internal static long LimitBytes(string proc, string cgroups)
    {
        var limit = MachineBytes(Path.Join(proc, "meminfo")) ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        var own = SystemFile.Lines(Path.Join(proc, "self", "cgroup")).FirstOrDefault(line => line.StartsWith("0::", StringComparison.Ordinal));
        for (var path = own?[3..].Trim('/'); path is not null; path = path.Length == 0 ? null : Path.GetDirectoryName(path) ?? "")
        {
            limit = Math.Min(limit, CgroupBytes(Path.Join(cgroups, path, "memory.max")) ?? limit);
        }
        return limit;
    }

    private static long? MachineBytes(string file)
    {
        var total = SystemFile.Lines(file).FirstOrDefault(line => line.StartsWith("MemTotal:", StringComparison.Ordinal));
        return total?.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, var kilobytes, "kB"]
            ? long.Parse(kilobytes, CultureInfo.InvariantCulture) * 1024
            : null;
    }

    // "max", or no file: no limit at this level.
    private static long? CgroupBytes(string file) =>
        long.TryParse(SystemFile.Lines(file).FirstOrDefault(), NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) ? bytes : null;
}
