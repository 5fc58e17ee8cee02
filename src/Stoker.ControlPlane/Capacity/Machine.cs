using System.Globalization;

namespace Stoker.ControlPlane.Capacity;

/// <summary>The cores and the memory that this process may use.</summary>
/// <param name="Cores">The numbers of the cores, as the affinity mask has them and no more than the container's
/// share.</param>
public sealed record Machine(IReadOnlyList<int> Cores, long MemoryBytes)
{
    public static Machine Current { get; } = new(ReadCores(), GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);

    /// <summary>
    /// The first of the cores. The runtime's count, which is all that can be asked here, rounds a container's quota up, and
    /// replicas on all of those cores would be throttled together; whoever knows the quota says how many are whole.
    /// </summary>
    public Machine Within(int coreCount) => this with { Cores = [.. Cores.Take(coreCount)] };

    /// <summary>Reads a list such as <c>0-3,8</c>.</summary>
    internal static IReadOnlyList<int> ParseCores(string list) =>
    [
        .. list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).SelectMany(part =>
        {
            var ends = part.Split('-').Select(end => int.Parse(end, CultureInfo.InvariantCulture)).ToArray();
            return Enumerable.Range(ends[0], ends[^1] - ends[0] + 1);
        }),
    ];

    private static IReadOnlyList<int> ReadCores()
    {
        const string Prefix = "Cpus_allowed_list:";
        var allowed = File.Exists("/proc/self/status")
            ? File.ReadLines("/proc/self/status").FirstOrDefault(line => line.StartsWith(Prefix, StringComparison.Ordinal))
            : null;
        var cores =
            allowed is null ? Enumerable.Range(0, Environment.ProcessorCount) : ParseCores(allowed[Prefix.Length..]);
        return [.. cores.Take(Environment.ProcessorCount)]; // a container's quota may be smaller than its mask
    }
}
