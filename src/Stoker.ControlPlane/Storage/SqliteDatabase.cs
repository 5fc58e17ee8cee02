using System.Collections.Concurrent;
using Microsoft.Data.Sqlite;

namespace Stoker.ControlPlane.Storage;

/// <summary>The file: one writer, pooled readers, and a signal after every commit of this process or another.</summary>
public sealed class SqliteDatabase : IAsyncDisposable
{
    private const int MaxIdleReaders = 8; // more run at once when needed; these stay open

    private readonly ConcurrentBag<SqliteSession> _readers = [];
    private readonly CancellationTokenSource _stopping = new();
    private readonly ChangeSignal _changed = new();
    private readonly SqliteWriter _writer;
    private readonly string _path;
    private readonly Task _poll;
    private int _disposed;

    private SqliteDatabase(string path, SqliteSession session, TimeProvider time, TimeSpan pollInterval)
    {
        (_path, Time) = (path, time);
        _writer = new SqliteWriter(session, _changed.Raise);
        _poll = PollAsync(new SqliteSession(path), pollInterval);
    }

    internal TimeProvider Time { get; }

    /// <summary>Ends at the next commit, or soon after one of another process.</summary>
    internal Task Changed => _changed.Next;

    /// <exception cref="StorageException">The file cannot be used; the message says why and what to do.</exception>
    public static SqliteDatabase Open(string path, TimeProvider time, TimeSpan pollInterval)
    {
        SqliteSession? session = null;
        try
        {
            CreateFile(path);
            session = new SqliteSession(path);
            SqliteSchema.Prepare(session, path);
            return new SqliteDatabase(path, session, time, pollInterval);
        }
        catch (SqliteException error)
        {
            session?.Dispose();
            throw error.SqliteErrorCode is 11 or 26
                ? new StorageException(
                    StorageFault.Unusable,
                    $"{path} is damaged or no SQLite file: restore a copy, or move it away to start empty",
                    error)
                : Translate(error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            session?.Dispose();
            throw new StorageException(StorageFault.Unusable, $"{path} cannot be opened: {error.Message}", error);
        }
        catch
        {
            session?.Dispose();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        await _stopping.CancelAsync();
        await _poll;
        await _writer.DisposeAsync();
        while (_readers.TryTake(out var reader)) reader.Dispose();
        _changed.Raise(); // watchers look once more and find the database closed
        _stopping.Dispose();
    }

    internal static StorageException Translate(SqliteException error) => error.SqliteErrorCode switch
    {
        13 => new(StorageFault.Full, "The disk of the data directory is full: make room, then try again", error), // SQLITE_FULL
        5 or 6 => new(StorageFault.Unavailable, "Another process keeps the store locked: try again", error), // SQLITE_BUSY, SQLITE_LOCKED
        _ => new(StorageFault.Unavailable, $"The store failed: {error.Message}", error),
    };

    internal Task<T> WriteAsync<T>(Func<SqliteSession, T> work, CancellationToken cancellation)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        return _writer.WriteAsync(work, cancellation);
    }

    /// <summary>
    /// Reads on the caller's thread: a look at a warm page cache takes microseconds, less than a hand-over.
    /// </summary>
    internal T Read<T>(Func<SqliteSession, T> read)
    {
        ObjectDisposedException.ThrowIf(_disposed != 0, this);
        SqliteSession? session = null;
        try
        {
            if (!_readers.TryTake(out session)) session = new SqliteSession(_path);
            var result = read(session);
            if (_readers.Count < MaxIdleReaders && _disposed == 0) _readers.Add(session);
            else session.Dispose();
            return result;
        }
        catch (SqliteException error)
        {
            session?.Dispose();
            throw Translate(error);
        }
        catch
        {
            session?.Dispose();
            throw;
        }
    }

    /// <summary>Other processes' commits change <c>data_version</c>; there is no hook across processes.</summary>
    private async Task PollAsync(SqliteSession session, TimeSpan interval)
    {
        using var mine = session;
        using var timer = new PeriodicTimer(interval, Time);
        var seen = 0L;
        try
        {
            while (await timer.WaitForNextTickAsync(_stopping.Token))
            {
                if (Version(session) is not { } version || version == seen) continue;
                seen = version;
                _changed.Raise();
            }
        }
        catch (OperationCanceledException)
        {
        }
    }

    /// <summary>Null when the look failed; the next one makes it good.</summary>
    private static long? Version(SqliteSession session)
    {
        try
        {
            return session.Scalar("PRAGMA data_version");
        }
        catch (SqliteException)
        {
            return null;
        }
    }

    /// <summary>SQLite would make the file readable to all; the log and index files beside it take its mode.</summary>
    private static void CreateFile(string path)
    {
        if (File.Exists(path)) return;
        var options = new FileStreamOptions { Mode = FileMode.OpenOrCreate, Access = FileAccess.Write, Share = FileShare.ReadWrite };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        new FileStream(path, options).Dispose();
    }
}
