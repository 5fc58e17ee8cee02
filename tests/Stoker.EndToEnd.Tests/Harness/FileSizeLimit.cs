using System.Runtime.InteropServices;

namespace Stoker.EndToEnd.Tests.Harness;

/// <summary>
/// The largest file that a running process may write: the nearest to a full disk that needs no rights. What would go
/// beyond fails in the system, under the process and its database.
/// </summary>
internal static partial class FileSizeLimit
{
    private const int Resource = 1; // RLIMIT_FSIZE
    private const ulong Unlimited = ulong.MaxValue;

    public static void Set(int pid, long bytes) => Set(pid, (ulong)bytes);

    public static void Lift(int pid) => Set(pid, Unlimited);

    private static void Set(int pid, ulong bytes)
    {
        var limit = new Limit { Current = bytes, Most = Unlimited };
        SetLimit(pid, Resource, limit, 0).ShouldBe(0);
    }

    [LibraryImport("libc", EntryPoint = "prlimit")]
    private static partial int SetLimit(int pid, int resource, in Limit limit, nint before);

    [StructLayout(LayoutKind.Sequential)]
    private struct Limit
    {
        public ulong Current;
        public ulong Most;
    }
}
