using System.Runtime.InteropServices;

namespace Stoker.Engine.Native;

/// <summary>Private memory for what is large and read all the time: aligned to 2 MiB, in huge pages where the system grants them.</summary>
/// <remarks>
/// A step walks through all weights; with pages of 4 KiB each stream pays a table walk every 64 cache lines. Asking is
/// advice: a system without huge pages, or one that has them switched off, serves the same memory in small ones.
/// </remarks>
internal sealed unsafe partial class HugeMemory : IDisposable
{
    public const int PageBytes = 2 << 20;
    private const int AdviseHugePages = 14; // MADV_HUGEPAGE of Linux

    private byte* _start;

    /// <exception cref="OutOfMemoryException">The system refuses the size.</exception>
    public HugeMemory(long lengthBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(lengthBytes);
        LengthBytes = lengthBytes;
        var whole = (nuint)((lengthBytes + PageBytes - 1) / PageBytes * PageBytes); // else the end lies in small pages
        _start = (byte*)NativeMemory.AlignedAlloc(whole, PageBytes);
        if (OperatingSystem.IsLinux())
        {
            _ = Advise(_start, whole, AdviseHugePages);
        }
    }

    ~HugeMemory() => Free();

    public long LengthBytes { get; }

    public byte* Start => _start;

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        NativeMemory.AlignedFree(_start);
        _start = null;
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* start, nuint lengthBytes, int advice);
}
