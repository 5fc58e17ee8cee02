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

    private readonly AlignedMemory _memory;

    /// <exception cref="OutOfMemoryException">The system refuses the size.</exception>
    public HugeMemory(long lengthBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(lengthBytes);
        LengthBytes = lengthBytes;
        var whole = (lengthBytes + PageBytes - 1) / PageBytes * PageBytes; // else the end lies in small pages
        _memory = new(whole, PageBytes);
        if (OperatingSystem.IsLinux())
        {
            _ = Advise(_memory.Start, (nuint)whole, AdviseHugePages);
        }
    }

    public long LengthBytes { get; }

    public byte* Start => _memory.Start;

    public void Dispose() => _memory.Dispose();

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* start, nuint lengthBytes, int advice);
}
