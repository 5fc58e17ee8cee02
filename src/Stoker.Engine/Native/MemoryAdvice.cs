using System.Runtime.InteropServices;

namespace Stoker.Engine.Native;

/// <summary>What a process may tell the system about pages it will need or wants to keep. Linux; elsewhere nothing happens.</summary>
internal static unsafe partial class MemoryAdvice
{
    private const int WillNeed = 3; // MADV_WILLNEED
    private const int PopulateRead = 22; // MADV_POPULATE_READ, Linux 5.14
    private const int LockOnFault = 1; // MLOCK_ONFAULT
    private const int LockedMemoryLimit = 8; // RLIMIT_MEMLOCK

    private static readonly nuint PageMask = (nuint)Environment.SystemPageSize - 1; // Arm has pages of 16 and 64 KiB too

    /// <summary>Brings pages into memory and into this process's tables now; returns when they are there.</summary>
    public static void Populate(byte* start, long lengthBytes)
    {
        if (!OperatingSystem.IsLinux()) return;
        var first = PageOf(start);
        var length = (nuint)(lengthBytes + (start - first));
        // An older system at least starts to read.
        if (madvise(first, length, PopulateRead) != 0) _ = madvise(first, length, WillNeed);
    }

    /// <summary>
    /// Keeps pages in memory once they are there, until they are unmapped: the system neither drops nor swaps them.
    /// </summary>
    /// <returns>False when the system refuses, mostly because of <see cref="LockableBytes"/>.</returns>
    public static bool Lock(byte* start, long lengthBytes)
    {
        if (!OperatingSystem.IsLinux()) return false;
        var first = PageOf(start);
        var length = (nuint)(lengthBytes + (start - first));
        try
        {
            return mlock2(first, length, LockOnFault) == 0;
        }
        catch (EntryPointNotFoundException)
        {
            return mlock(first, length) == 0; // also brings them in, so it takes its time
        }
    }

    /// <summary>What this process may lock without privilege, in bytes; null for no limit or an unknown one.</summary>
    public static long? LockableBytes()
    {
        if (!OperatingSystem.IsLinux()) return null;
        var limits = stackalloc ulong[2];
        return getrlimit(LockedMemoryLimit, limits) == 0 && limits[0] <= long.MaxValue ? (long)limits[0] : null;
    }

    private static byte* PageOf(byte* start) => (byte*)((nuint)start & ~PageMask);

    [LibraryImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int madvise(void* start, nuint length, int advice);

    [LibraryImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int mlock(void* start, nuint length);

    [LibraryImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int mlock2(void* start, nuint length, int flags);

    [LibraryImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int getrlimit(int resource, ulong* limits);
}
