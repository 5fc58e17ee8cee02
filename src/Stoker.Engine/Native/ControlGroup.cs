using System.Globalization;

namespace Stoker.Engine.Native;

/// <summary>
/// The limit of processor time that control groups put on this process: the smallest one on the way from its own group
/// up, in version 2 (<c>cpu.max</c>) as in version 1 (<c>cpu.cfs_quota_us</c>), which may both be mounted.
/// </summary>
internal static class ControlGroup
{
    /// <summary>Cores' worth of time a period, or null without a limit.</summary>
    /// <param name="root">Where <c>/</c> is.</param>
    public static double? ReadQuota(string root)
    {
        double? least = null;
        var groups = SystemFile.Lines(Path.Combine(root, "proc/self/cgroup"));
        foreach (var line in SystemFile.Lines(Path.Combine(root, "proc/self/mountinfo")))
        {
            if (Mount.Parse(line) is not { } mount || GroupOf(mount, groups) is not { } group) continue;
            foreach (var folder in mount.FoldersUp(group))
            {
                var path = Path.Combine(root, folder.TrimStart('/'));
                var quota = mount.IsVersion2 ? ReadVersion2(path) : ReadVersion1(path);
                if (quota is not null) least = Math.Min(quota.Value, least ?? double.MaxValue);
            }
        }

        return least;
    }

    /// <summary>Lines are <c>0::/path</c> of version 2 and <c>4:cpu,cpuacct:/path</c> of version 1.</summary>
    private static string? GroupOf(Mount mount, string[] groups)
    {
        foreach (var line in groups)
        {
            if (line.Split(':', 3) is not [_, var controllers, var path]) continue;
            if (mount.IsVersion2 ? controllers.Length == 0 : controllers.Split(',').Contains("cpu")) return path;
        }

        return null;
    }

    /// <summary><c>150000 100000</c> or <c>max 100000</c>.</summary>
    private static double? ReadVersion2(string folder) =>
        SystemFile.Lines(Path.Combine(folder, "cpu.max")) is [var line, ..] && line.Split(' ') is [var quota, var period]
            ? Ratio(quota, period)
            : null;

    private static double? ReadVersion1(string folder) =>
        SystemFile.Lines(Path.Combine(folder, "cpu.cfs_quota_us")) is [var quota, ..]
        && SystemFile.Lines(Path.Combine(folder, "cpu.cfs_period_us")) is [var period, ..]
            ? Ratio(quota, period)
            : null;

    /// <summary>Null for <c>max</c>, for -1, and for what is no number.</summary>
    private static double? Ratio(string quota, string period) =>
        long.TryParse(quota, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var time) && time > 0
        && long.TryParse(period, NumberStyles.None, CultureInfo.InvariantCulture, out var length) && length > 0
            ? (double)time / length
            : null;

    /// <summary>A mounted hierarchy of control groups that limits processor time.</summary>
    /// <param name="IsVersion2">Of the unified hierarchy.</param>
    /// <param name="Root">The group that is seen at <paramref name="Point"/>: of a container its own.</param>
    /// <param name="Point">Where it is mounted.</param>
    private sealed record Mount(bool IsVersion2, string Root, string Point)
    {
        /// <summary>
        /// <c>31 30 0:28 /root /point options [tags] - type source options</c>; null for other mounts.
        /// </summary>
        public static Mount? Parse(string line)
        {
            var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            var dash = Array.IndexOf(fields, "-");
            if (dash < 6 || fields.Length < dash + 4) return null;
            var (type, options) = (fields[dash + 1], fields[dash + 3]);
            if (type != "cgroup2" && !(type == "cgroup" && options.Split(',').Contains("cpu"))) return null;
            return new(type == "cgroup2", fields[3], fields[4].Replace("\\040", " ", StringComparison.Ordinal));
        }

        /// <summary>
        /// The group's folder and those above it, as far as they can be seen. A group outside of what is mounted shows as
        /// the mount itself.
        /// </summary>
        public IEnumerable<string> FoldersUp(string group)
        {
            var below = Root == "/" ? group : group.StartsWith(Root + "/", StringComparison.Ordinal) ? group[Root.Length..] : "";
            if (below.Contains("..", StringComparison.Ordinal)) below = "";
            for (below = below.TrimEnd('/'); below.Length > 0; below = below[..below.LastIndexOf('/')]) yield return Point + below;
            yield return Point;
        }
    }
}
