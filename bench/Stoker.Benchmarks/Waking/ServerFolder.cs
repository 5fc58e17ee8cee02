using System.Diagnostics;

namespace Stoker.Benchmarks.Waking;

/// <summary>
/// A data directory for one server after the other, gone with this object, and so are the replicas that they left.
/// </summary>
internal sealed class ServerFolder : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("stkb-"); // short: sockets are below it

    public ServerFolder() => Directory.CreateDirectory(Home);

    public string Data => Path.Combine(_root.FullName, "data");

    public string Home => Path.Combine(_root.FullName, "home");

    public IReadOnlyList<RunningReplica> Replicas() => RunningReplica.Under(_root.FullName);

    public void Dispose()
    {
        foreach (var replica in Replicas()) replica.Kill();
        // A killed process is there for a moment more, and may write a last file.
        while (Replicas().Count > 0) Thread.Yield();
        _root.Delete(recursive: true);
    }
}

/// <summary>A replica as the operating system sees it, whatever a server believes.</summary>
/// <param name="StartedAt">A timestamp of <see cref="Stopwatch"/>, as coarse as the kernel's: 10 ms.</param>
internal sealed record RunningReplica(int Pid, string Id, string Socket, long StartedAt)
{
    /// <summary>Ticks of the kernel's own times of processes, on every Linux that .NET runs on.</summary>
    private const double KernelTicksPerSecond = 100;

    public static IReadOnlyList<RunningReplica> Under(string root) =>
        [.. Process.GetProcesses().Select(process => Find(process.Id, root)).OfType<RunningReplica>()];

    /// <summary>SIGKILL.</summary>
    public void Kill()
    {
        try
        {
            using var process = Process.GetProcessById(Pid);
            process.Kill();
        }
        catch (ArgumentException)
        {
            // Gone already.
        }
    }

    private static RunningReplica? Find(int pid, string root)
    {
        try
        {
            var words = File.ReadAllText($"/proc/{pid}/cmdline").Split('\0');
            if (!words.Contains("replica") || Value(words, "--directory")?.StartsWith(root, StringComparison.Ordinal) != true) return null;
            return new(pid, Value(words, "--id")!, Value(words, "--listen")!["unix:".Length..], StartOf(pid));
        }
        catch (Exception gone) when (gone is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string? Value(string[] words, string flag) =>
        Array.IndexOf(words, flag) is >= 0 and var at && at + 1 < words.Length ? words[at + 1] : null;

    private static long StartOf(int pid)
    {
        var stat = File.ReadAllText($"/proc/{pid}/stat");
        // After the name, which is in brackets and may have spaces: the 22nd field is the 20th from there.
        var ticks = Number(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[19]);
        var (now, uptime) = (Stopwatch.GetTimestamp(), Number(File.ReadAllText("/proc/uptime").Split(' ')[0]));
        return now - (long)((uptime - (ticks / KernelTicksPerSecond)) * Stopwatch.Frequency);
    }

    private static double Number(string text) => double.Parse(text, System.Globalization.CultureInfo.InvariantCulture);
}
