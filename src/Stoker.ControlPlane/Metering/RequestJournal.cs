using Microsoft.Win32.SafeHandles;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Metering;

/// <summary>
/// What one gateway has begun and not yet written to the ledger: a file of slots, a row in each. A written slot outlives a
/// kill of the process, as the ledger's own commits do, and costs a system call where a commit costs a transaction.
/// </summary>
/// <remarks>
/// Its gateway holds the lock of an empty file beside it, which the system takes from it when it dies, however it dies: who
/// gets that lock knows that nobody writes the journal any more, settles what is in it, and removes both. The journal itself
/// is not locked, so that whoever copies or scans a data directory can read it.
/// </remarks>
internal sealed class RequestJournal : IDisposable
{
    /// <summary>Requests of one gateway at once, waiting ones included; at 2 KiB each some 128 MiB of file at the most.</summary>
    public const int MostOpen = 65_536;

    private const string Extension = ".open";
    private const string LockExtension = ".lock";

    private readonly Lock _gate = new();
    private readonly Stack<int> _free = [];
    private readonly FileStream _lock;
    private readonly FileStream _file;
    private int _slots;
    private bool _disposed;

    private RequestJournal(FileStream held, FileStream file) => (_lock, _file) = (held, file);

    private SafeFileHandle Handle => _file.SafeFileHandle;

    /// <exception cref="StorageException">No file can be made there.</exception>
    public static RequestJournal Create(string directory)
    {
        var path = Path.Combine(directory, Guid.CreateVersion7().ToString("N") + Extension);
        FileStream? held = null;
        try
        {
            DataDirectory.CreateDirectory(directory);
            held = Open(LockOf(path), FileMode.CreateNew, FileShare.None); // first: a journal without a lock is a dead gateway's
            return new(held, Open(path, FileMode.CreateNew, FileShare.ReadWrite | FileShare.Delete));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            held?.Dispose();
            throw new StorageException(StorageFault.Unusable, $"{directory} takes no file for the requests that run: {error.Message}", error);
        }
    }

    /// <summary>Takes the journals whose gateways are dead; those of living ones stay where they are.</summary>
    public static IEnumerable<RequestJournal> TakeOrphans(string directory)
    {
        if (!Directory.Exists(directory)) yield break;
        foreach (var path in Directory.GetFiles(directory, "*" + Extension))
        {
            if (TryTake(path) is { } orphan) yield return orphan;
        }
    }

    /// <summary>Writes a row into a free slot.</summary>
    /// <returns>The slot; -1 when <see cref="MostOpen"/> are taken.</returns>
    /// <exception cref="IOException">The disk is full, or fails.</exception>
    public int Add(RequestRow row)
    {
        int slot;
        lock (_gate)
        {
            if (!_free.TryPop(out slot)) slot = _slots < MostOpen ? _slots++ : -1;
        }

        if (slot < 0) return slot;
        try
        {
            Write(slot, row);
            return slot;
        }
        catch
        {
            GiveBack(slot);
            throw;
        }
    }

    /// <summary>Writes another row over the one in a slot.</summary>
    /// <exception cref="IOException">The disk fails; what was there may be there still, or be unreadable.</exception>
    public void Write(int slot, RequestRow row)
    {
        Span<byte> bytes = stackalloc byte[RequestSlot.Size];
        RandomAccess.Write(Handle, bytes[..RequestSlot.Encode(row, bytes)], Offset(slot));
    }

    /// <summary>The row of the slot is in the ledger. A failure is none: the row is there twice then, and settled once.</summary>
    public void Clear(int slot)
    {
        try
        {
            RandomAccess.Write(Handle, RequestSlot.Empty, Offset(slot));
        }
        catch (IOException)
        {
        }

        GiveBack(slot);
    }

    /// <summary>The rows in it, and the number of slots that are neither empty nor readable.</summary>
    public (IReadOnlyList<RequestRow> Rows, int Unreadable) Read()
    {
        var (rows, unreadable, bytes) = (new List<RequestRow>(), 0, new byte[RequestSlot.Size]);
        for (var offset = 0L; offset < RandomAccess.GetLength(Handle); offset += RequestSlot.Size)
        {
            var read = RandomAccess.Read(Handle, bytes, offset);
            if (RequestSlot.IsEmpty(bytes.AsSpan(0, read))) continue;
            if (RequestSlot.TryDecode(bytes.AsSpan(0, read)) is { } row) rows.Add(row);
            else unreadable++;
        }

        return (rows, unreadable);
    }

    /// <summary>Everything in it is in the ledger. The file goes while its lock is held.</summary>
    public void Remove()
    {
        File.Delete(_file.Name);
        File.Delete(_lock.Name);
        Dispose();
    }

    /// <summary>Lets go of the file as a kill does: it stays, for who settles it.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _file.Dispose();
        _lock.Dispose(); // last: from here on it is another's
    }

    private static RequestJournal? TryTake(string path)
    {
        FileStream? held = null;
        try
        {
            held = Open(LockOf(path), FileMode.OpenOrCreate, FileShare.None);
            return new(held, Open(path, FileMode.Open, FileShare.ReadWrite | FileShare.Delete));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            if (held is not null && !File.Exists(path)) File.Delete(held.Name); // somebody has settled it meanwhile
            held?.Dispose();
            return null; // its gateway lives, or somebody else settles it
        }
    }

    private static string LockOf(string path) => Path.ChangeExtension(path, LockExtension);

    private static FileStream Open(string path, FileMode mode, FileShare share)
    {
        var options = new FileStreamOptions { Mode = mode, Access = FileAccess.ReadWrite, Share = share, BufferSize = 0 };
        if (mode != FileMode.Open && !OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        return new(path, options);
    }

    private static long Offset(int slot) => (long)slot * RequestSlot.Size;

    private void GiveBack(int slot)
    {
        lock (_gate) _free.Push(slot);
    }
}
