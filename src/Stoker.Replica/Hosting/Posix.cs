using System.ComponentModel;
using System.Globalization;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Stoker.Replica.Hosting;

/// <summary>
/// The few calls to the system that .NET has no face for. Every one of them is a plain C function with blittable
/// arguments.
/// </summary>
internal static class Posix
{
    private const int WriteOnly = 1;
    private const int StandardInput = 0;
    private const int StandardOutput = 1;
    private const int StandardError = 2;
    private const int OwnerReadsAndWrites = 0x180; // 0600

    // Linux values; elsewhere the plain file API is used instead.
    private const int Create = 0x40;
    private const int Append = 0x400;
    private const int InvalidArgument = 22;
    private const int MostCores = 8192; // more than the system's own mask: a smaller buffer is refused
    private const int CloseOnExec = 0x80000;

    /// <summary>Leaves the starter's session and terminal: its Ctrl-C and its end do not reach us any more.</summary>
    /// <returns>False when the process led a group already, as one started from a shell does.</returns>
    public static bool StartSession() => !OperatingSystem.IsWindows() && setsid() != -1;

    /// <summary>Standard input and output go nowhere: whatever they were may end before the replica does.</summary>
    public static void LetGoOfTerminal()
    {
        if (!OperatingSystem.IsLinux()) return;
        using var nowhere = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        var descriptor = (int)nowhere.DangerousGetHandle();
        Check(dup2(descriptor, StandardInput), "dup2");
        Check(dup2(descriptor, StandardOutput), "dup2");
    }

    public static void RedirectStandardError(SafeFileHandle file)
    {
        if (OperatingSystem.IsLinux()) Check(dup2((int)file.DangerousGetHandle(), StandardError), "dup2");
    }

    /// <summary>
    /// Mode 0600. On Linux every write goes to the end, also one by another holder of the descriptor.
    /// </summary>
    public static SafeFileHandle OpenForAppend(string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            return File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite);
        }

        var descriptor = open(path, WriteOnly | Create | Append | CloseOnExec, OwnerReadsAndWrites);
        Check(descriptor, "open");
        return new SafeFileHandle(descriptor, ownsHandle: true);
    }

    /// <summary>
    /// Binds every thread of the process, also those the runtime already started; later ones inherit it.
    /// </summary>
    /// <exception cref="Win32Exception">A core is not there or not ours.</exception>
    public static void BindToCores(IReadOnlyList<int> cores)
    {
        if (!OperatingSystem.IsLinux()) throw new PlatformNotSupportedException("--cores works on Linux only");
        var mask = new byte[(cores.Max() / 64 + 1) * 8]; // whole words: the kernel counts in them
        foreach (var core in cores) mask[core / 8] |= (byte)(1 << (core % 8));
        if (sched_setaffinity(0, mask.Length, mask) == -1) throw NotOurs(cores, Marshal.GetLastPInvokeError());
        RequireAll(cores); // the system takes a list of which one is there, and leaves the others out in silence
        foreach (var thread in Directory.EnumerateDirectories("/proc/self/task"))
        {
            // A thread that ended in between is none to bind.
            _ = sched_setaffinity(int.Parse(Path.GetFileName(thread), CultureInfo.InvariantCulture), mask.Length, mask);
        }
    }

    private static void RequireAll(IReadOnlyList<int> cores)
    {
        var bound = new byte[MostCores / 8];
        Check(sched_getaffinity(0, bound.Length, bound), "sched_getaffinity");
        if (cores.Where(core => (bound[core / 8] & (1 << (core % 8))) == 0).ToList() is { Count: > 0 } missing) throw NotOurs(missing, InvalidArgument);
    }

    private static Win32Exception NotOurs(IEnumerable<int> cores, int error) => new(
        error,
        $"--cores {string.Join(',', cores)}: not there, or not given to this process; Cpus_allowed_list in /proc/self/status shows what is ({Marshal.GetPInvokeErrorMessage(error)})");

    private static void Check(int result, string call)
    {
        if (result == -1)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError(), $"{call}: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

#pragma warning disable IDE1006, CA2101, SYSLIB1054 // C names; one UTF-8 string; generated marshalling would need unsafe code for nothing
    [DllImport("libc", SetLastError = true)]
    private static extern int setsid();

    [DllImport("libc", SetLastError = true)]
    private static extern int dup2(int from, int to);

    [DllImport("libc", SetLastError = true)]
    private static extern int open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags, int mode);

    [DllImport("libc", SetLastError = true)]
    private static extern int sched_setaffinity(int thread, nint size, byte[] mask);

    [DllImport("libc", SetLastError = true)]
    private static extern int sched_getaffinity(int thread, nint size, [Out] byte[] mask);
#pragma warning restore IDE1006, CA2101, SYSLIB1054
}
