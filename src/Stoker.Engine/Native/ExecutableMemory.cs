using System.Runtime.InteropServices;

namespace Stoker.Engine.Native;

/// <summary>Machine code that was made at run time, for the life of the process. Linux only.</summary>
/// <remarks>
/// The pages are written first and made executable then: they are never both. A system that forbids pages that were once
/// writable to become executable (SELinux, some containers) refuses, and the caller falls back to compiled kernels.
/// </remarks>
internal static unsafe partial class ExecutableMemory
{
    private const int Read = 1;
    private const int Write = 2;
    private const int Execute = 4;
    private const int Private = 2;
    private const int Anonymous = 0x20;

    /// <summary>Changes the protection of pages as mprotect does; tests put a refusal in its place.</summary>
    public delegate int Protect(void* start, nuint lengthBytes, int protection);

    /// <summary>Page-aligned executable copy of the code, or null when the system refuses.</summary>
    public static byte* TryCreate(ReadOnlySpan<byte> code, Protect? protect = null)
    {
        var length = (nuint)code.Length;
        var start = Map(null, length, Read | Write, Private | Anonymous, -1, 0);
        if (start == (void*)-1)
        {
            return null;
        }

        code.CopyTo(new Span<byte>(start, code.Length));
        if ((protect ?? SetProtection)(start, length, Read | Execute) == 0)
        {
            return (byte*)start;
        }

        _ = Unmap(start, length);
        return null;
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial void* Map(void* address, nuint lengthBytes, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int SetProtection(void* start, nuint lengthBytes, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(void* start, nuint lengthBytes);
}
