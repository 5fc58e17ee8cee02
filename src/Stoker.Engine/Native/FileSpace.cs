using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Stoker.Engine.Native;

/// <summary>Space and writes of large files, where .NET has no face for them.</summary>
internal static unsafe partial class FileSpace
{
    private const int NoSpace = 28; // ENOSPC
    private const int PieceBytes = 1 << 30;

    /// <summary>Takes the disk space of a file now: running out in the middle of the work would be later and no better.</summary>
    /// <exception cref="IOException">There is not so much left.</exception>
    public static void Reserve(SafeFileHandle file, long lengthBytes)
    {
        if (!OperatingSystem.IsLinux() || lengthBytes == 0) return;
        int error;
        var held = false;
        try
        {
            file.DangerousAddRef(ref held);
            error = posix_fallocate((int)file.DangerousGetHandle(), 0, lengthBytes);
        }
        finally
        {
            if (held) file.DangerousRelease();
        }

        // Others: file systems that cannot reserve. Then the writes will tell.
        if (error == NoSpace) throw new IOException("No space left on device", error);
    }

    public static void WriteAll(SafeFileHandle file, byte* bytes, long count, long offset)
    {
        for (var done = 0L; done < count;)
        {
            var piece = (int)Math.Min(count - done, PieceBytes);
            RandomAccess.Write(file, new ReadOnlySpan<byte>(bytes + done, piece), offset + done);
            done += piece;
        }
    }

    [LibraryImport("libc", SetLastError = false)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int posix_fallocate(int descriptor, long offset, long length);
}
