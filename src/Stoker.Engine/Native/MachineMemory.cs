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
    /// <param name="cgroups">Where the cgroups are: version 2, or the hierarchies of version 1.</param>
    internal static long LimitBytes(string proc, string cgroups)
    {
        var limit = MachineBytes(Path.Join(proc, "meminfo")) ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        foreach (var line in SystemFile.Lines(Path.Join(proc, "self", "cgroup")))
        {
            // "0::/path" of version 2, "9:memory:/path" of version 1; a system may have both.
            if (line.Split(':', 3) is not [_, var controllers, var group]) continue;
            var isVersion2 = controllers.Length == 0;
            if (!isVersion2 && !controllers.Split(',').Contains("memory")) continue;
            var (root, file) = isVersion2 ? (cgroups, "memory.max") : (Path.Join(cgroups, "memory"), "memory.limit_in_bytes");
            for (var path = group.Trim('/'); path is not null; path = path.Length == 0 ? null : Path.GetDirectoryName(path) ?? "")
            {
                limit = Math.Min(limit, CgroupBytes(Path.Join(root, path, file)) ?? limit);
            }
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
