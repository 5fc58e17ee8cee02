using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Stoker.Engine.Native;

/// <summary>Opens a file to read where something else may have its name.</summary>
/// <remarks>
/// Opening a pipe waits until somebody writes, and no caller can cancel that: on Linux nothing is waited for, and what has
/// no places to read from is refused. A folder or a device passes here; it has nothing that a reader of a format takes.
/// </remarks>
internal static partial class RegularFile
{
    private const int ReadWithoutWaiting = 0x80000 | 0x800; // O_CLOEXEC and O_NONBLOCK of Linux, with O_RDONLY
    private const int Missing = 2; // ENOENT
    private const int NoFolder = 20; // ENOTDIR: a part of the path is a file

    /// <exception cref="FileNotFoundException">Nothing has this name.</exception>
    /// <exception cref="IOException">It cannot be opened, or is a pipe, a socket or a terminal.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be opened (on other systems than Linux).</exception>
    public static SafeFileHandle OpenToRead(string path)
    {
        var handle = OperatingSystem.IsLinux() ? OpenWithoutWaiting(path) : File.OpenHandle(path);
        try
        {
            _ = RandomAccess.GetLength(handle);
            return handle;
        }
        catch (NotSupportedException error)
        {
            handle.Dispose();
            throw new IOException("it is a pipe or a terminal, not a file", error);
        }
    }

    private static SafeFileHandle OpenWithoutWaiting(string path)
    {
        var descriptor = open(Path.GetFullPath(path), ReadWithoutWaiting);
        if (descriptor >= 0) return new(descriptor, ownsHandle: true);
        var error = Marshal.GetLastPInvokeError();
        var reason = Marshal.GetPInvokeErrorMessage(error);
        throw error is Missing or NoFolder ? new FileNotFoundException(reason, path) : new IOException(reason, error);
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int open(string path, int flags);
}
