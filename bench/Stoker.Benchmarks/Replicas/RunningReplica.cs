using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Stoker.Benchmarks.Replicas;

/// <summary>A living replica as the system's process table shows it, whatever any server believes.</summary>
/// <param name="StartTicks">With the id it tells a process from a later one that has the same id.</param>
/// <param name="Socket">Where it listens.</param>
internal sealed partial record RunningReplica(int Pid, long StartTicks, string Id, string Socket)
{
    /// <summary>Ticks of the kernel's own times of processes, on every Linux that .NET runs on.</summary>
    private const double KernelTicksPerSecond = 100;

    /// <summary>A timestamp of <see cref="Stopwatch"/>, as coarse as the kernel's: 10 ms.</summary>
    public long StartedAt
    {
        get
        {
            var (now, uptime) = (Stopwatch.GetTimestamp(), double.Parse(File.ReadAllText("/proc/uptime").Split(' ')[0], CultureInfo.InvariantCulture));
            return now - (long)((uptime - (StartTicks / KernelTicksPerSecond)) * Stopwatch.Frequency);
        }
    }

    /// <summary>False for one that ended and only waits to be reaped.</summary>
    public bool IsAlive => RunningReplicas.StartOf(Pid) == StartTicks;

    /// <summary>SIGKILL, to this process alone.</summary>
    public void Kill()
    {
        if (IsAlive) _ = SendSignal(Pid, 9);
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int SendSignal(int pid, int signal);
}

/// <summary>Finds replicas in <c>/proc</c>.</summary>
internal static class RunningReplicas
{
    /// <summary>All whose <c>--directory</c> lies in a folder.</summary>
    public static List<RunningReplica> Under(string folder)
    {
        var found = new List<RunningReplica>();
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(directory), CultureInfo.InvariantCulture, out var pid)) continue;
            var words = Read($"/proc/{pid}/cmdline").Split('\0');
            if (After(words, "--directory") is not { } own || Path.GetDirectoryName(own) != folder) continue;
            if (After(words, "--id") is not { } id || After(words, "--listen") is not { } listen || StartOf(pid) is not { } start) continue;
            found.Add(new(pid, start, id, listen["unix:".Length..]));
        }

        return found;
    }

    /// <summary>Clock ticks from the boot to the start of a living process.</summary>
    public static long? StartOf(int pid)
    {
        var stat = Read($"/proc/{pid}/stat");
        if (stat.Length == 0) return null;
        // pid (name) state ppid ... starttime: the name may hold anything, so count from its last bracket.
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return fields[0] is "Z" or "X" ? null : long.Parse(fields[19], CultureInfo.InvariantCulture);
    }

    private static string? After(string[] words, string flag) =>
        Array.IndexOf(words, flag) is >= 0 and var at && at + 1 < words.Length ? words[at + 1] : null;

    private static string Read(string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
