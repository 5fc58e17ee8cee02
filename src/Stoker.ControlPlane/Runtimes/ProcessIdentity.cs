using System.Globalization;
using System.Runtime.InteropServices;

namespace Stoker.ControlPlane.Runtimes;

/// <summary>A process of this machine: its id with its start time, because ids are used again.</summary>
/// <param name="StartTicks">Clock ticks from the boot to its start.</param>
public sealed record ProcessIdentity(int Pid, long StartTicks)
{
    public const int SigTerm = 15;
    public const int SigKill = 9;

    /// <summary>This process itself.</summary>
    public static ProcessIdentity? Own => Find(Environment.ProcessId);

    /// <summary>False for one that ended and only waits to be reaped, which nobody may do in a container.</summary>
    public bool IsAlive => Find(Pid) == this;

    /// <summary>The living process of an id, or null. Needs <c>/proc</c>: elsewhere there is none.</summary>
    public static ProcessIdentity? Find(int pid)
    {
        try
        {
            // pid (name) state ppid ... starttime: the name may hold anything, so count from its last bracket.
            var stat = File.ReadAllText($"/proc/{pid}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
            return fields[0] is "Z" or "X" ? null : new(pid, long.Parse(fields[19], CultureInfo.InvariantCulture));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>The living processes that have an option whose value is one of the given texts, by that text.</summary>
    /// <remarks>
    /// The value alone is not enough: somebody's editor or pager has it too, and what is found here may be signalled.
    /// </remarks>
    public static IReadOnlyDictionary<string, ProcessIdentity> FindByOption(string option, IReadOnlySet<string> values)
    {
        var found = new Dictionary<string, ProcessIdentity>();
        if (values.Count == 0 || !Directory.Exists("/proc")) return found;
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(directory), CultureInfo.InvariantCulture, out var pid)) continue;
            var arguments = ReadArguments(pid);
            if (arguments.Zip(arguments.Skip(1)).FirstOrDefault(pair => pair.First == option && values.Contains(pair.Second)).Second is not { } value) continue;
            if (Find(pid) is not { } process) continue;
            // A child has its parent's arguments until it has its own: the elder is the one that was started.
            if (!found.TryGetValue(value, out var other) || process.StartTicks < other.StartTicks) found[value] = process;
        }

        return found;
    }

    /// <summary>Sends a signal unless the process is gone.</summary>
    public void Signal(int signal)
    {
        if (IsAlive) _ = Kill(Pid, signal);
    }

    private static string[] ReadArguments(int pid)
    {
        try
        {
            return File.ReadAllText($"/proc/{pid}/cmdline").Split('\0');
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return []; // ended meanwhile, or another user's
        }
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Kill(int pid, int signal);
}
