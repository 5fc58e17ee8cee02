using System.Globalization;

namespace Stoker.Engine.Native;

/// <summary>The cores that this process may run on, and how much of them it may use.</summary>
/// <param name="Cores">Their numbers, ascending: the affinity mask of the process.</param>
/// <param name="Quota">Cores' worth of time a period, by its control group or one above it; null without a limit.</param>
internal sealed record ProcessorAllowance(IReadOnlyList<int> Cores, double? Quota)
{
    private const string MaskKey = "Cpus_allowed_list:";

    /// <summary>
    /// Threads that the allowance keeps busy without being throttled: whole cores, at least one. The runtime's own count
    /// rounds a quota up, but two spinning threads on a quota of 1.5 use up a period's time in three quarters of it and
    /// then all stand still, tens of milliseconds at a time, together with the threads that serve HTTP.
    /// </summary>
    public int Threads => Quota is { } quota ? (int)Math.Clamp(Math.Floor(quota), 1, Cores.Count) : Cores.Count;

    /// <param name="root">Where <c>/</c> is; a test has its own.</param>
    public static ProcessorAllowance Read(string root = "/")
    {
        // Of the process, that is of its first thread: the one that asks may be bound already.
        var cores = ReadMask(Path.Combine(root, "proc/self/status"));
        return new(cores ?? [.. Enumerable.Range(0, Environment.ProcessorCount)], ControlGroup.ReadQuota(root));
    }

    private static int[]? ReadMask(string path)
    {
        foreach (var line in SystemFile.Lines(path))
        {
            if (!line.StartsWith(MaskKey, StringComparison.Ordinal)) continue;
            return ParseList(line.AsSpan(MaskKey.Length)) is { Count: > 0 } cores ? [.. cores] : null;
        }

        return null;
    }

    /// <summary>Reads a list such as <c>0-3,8</c>; null when it is none.</summary>
    private static List<int>? ParseList(ReadOnlySpan<char> list)
    {
        const int MostCores = 8192;
        var cores = new List<int>();
        foreach (var range in list.Split(','))
        {
            var part = list[range].Trim();
            var dash = part.IndexOf('-');
            if (!TryParse(part[..(dash < 0 ? part.Length : dash)], out var first)) return null;
            if (!TryParse(part[(dash + 1)..], out var last) || last < first || last >= MostCores) return null;
            for (var core = first; core <= last; core++) cores.Add(core);
        }

        return cores;
    }

    private static bool TryParse(ReadOnlySpan<char> text, out int value) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
}
