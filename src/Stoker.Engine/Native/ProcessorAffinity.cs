using System.Runtime.InteropServices;

namespace Stoker.Engine.Native;

/// <summary>Binds single threads to cores, on Linux.</summary>
/// <remarks>
/// Threads that a bound thread starts are not bound: the runtime gives new threads the mask of the process (a test
/// holds it to that), so a pool thread made by the step loop runs anywhere.
/// </remarks>
internal static unsafe partial class ProcessorAffinity
{
    private const int CurrentThread = 0;
    private const int MaskBytes = 1024; // 8,192 cores, the most that Linux is built for

    /// <summary>Why threads cannot be bound here; null when they can. Changes nothing.</summary>
    public static string? Refusal()
    {
        if (!OperatingSystem.IsLinux()) return "only Linux binds threads";
        var mask = stackalloc byte[MaskBytes];
        var read = sched_getaffinity(CurrentThread, MaskBytes, mask) == 0;
        // The same mask again: what a sandbox forbids fails here as it would later.
        return read && sched_setaffinity(CurrentThread, MaskBytes, mask) == 0 ? null : Marshal.GetLastPInvokeErrorMessage();
    }

    /// <summary>False when the core is not the process's (any more).</summary>
    public static bool TryPinCurrentThread(int core)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)core, MaskBytes * 8u, nameof(core));
        if (!OperatingSystem.IsLinux()) return false;
        var mask = stackalloc byte[MaskBytes];
        new Span<byte>(mask, MaskBytes).Clear();
        mask[core / 8] = (byte)(1 << (core % 8));
        return sched_setaffinity(CurrentThread, MaskBytes, mask) == 0;
    }

#pragma warning disable IDE1006 // C names
    [LibraryImport("libc", SetLastError = true)]
    private static partial int sched_getaffinity(int thread, nint size, byte* mask);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int sched_setaffinity(int thread, nint size, byte* mask);
#pragma warning restore IDE1006
}
