using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Stoker.Engine.Native;

/// <summary>One holder at a time per folder, among all processes; ends with the process, however that ends.</summary>
/// <remarks>
/// The lock lies on the folder itself: no file is left behind that somebody must remove. Where the system has no such
/// lock, <see cref="IsHeld"/> is false and the holder must do without.
/// </remarks>
internal sealed partial class DirectoryLock : IDisposable
{
    private const int Exclusive = 2; // LOCK_EX
    private const int DoNotWait = 4; // LOCK_NB
    private const int CloseOnExec = 0x80000; // O_CLOEXEC of Linux, with O_RDONLY
    private const int WouldBlock = 11; // EWOULDBLOCK
    private const int Interrupted = 4; // EINTR
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(50);

    private readonly SafeFileHandle? _directory;

    private DirectoryLock(SafeFileHandle? directory, bool isHeld) => (_directory, IsHeld) = (directory, isHeld);

    public bool IsHeld { get; }

    /// <param name="waiting">Told once when somebody else holds it.</param>
    /// <exception cref="OperationCanceledException">Cancelled while waiting.</exception>
    public static DirectoryLock Acquire(string directory, Action? waiting, CancellationToken cancellation)
    {
        if (!OperatingSystem.IsLinux()) return new(null, false);
        var descriptor = open(directory, CloseOnExec);
        if (descriptor < 0) return new(null, false); // not readable; whether it is writable shows soon
        var handle = new SafeFileHandle(descriptor, ownsHandle: true);
        try
        {
            return new(handle, Hold(descriptor, waiting, cancellation));
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Makes renames in the folder durable.</summary>
    public void Flush()
    {
        if (_directory is not null) _ = fsync((int)_directory.DangerousGetHandle());
    }

    public void Dispose() => _directory?.Dispose();

    private static bool Hold(int descriptor, Action? waiting, CancellationToken cancellation)
    {
        while (flock(descriptor, Exclusive | DoNotWait) != 0)
        {
            var error = Marshal.GetLastPInvokeError();
            if (error is not (WouldBlock or Interrupted)) return false; // a file system without locks
            waiting?.Invoke();
            waiting = null;
            cancellation.WaitHandle.WaitOne(Poll);
            cancellation.ThrowIfCancellationRequested();
        }

        return true;
    }

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int open(string path, int flags);

    [LibraryImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int flock(int descriptor, int operation);

    [LibraryImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static partial int fsync(int descriptor);
}
