using System.Threading.Channels;
using Microsoft.Data.Sqlite;

namespace Stoker.ControlPlane.Storage;

/// <summary>
/// The one task that writes. What waits while a commit runs is committed together next, so that many small writes cost
/// one.
/// </summary>
internal sealed class SqliteWriter : IAsyncDisposable
{
    private const int MaxQueued = 4096;
    private const int MaxGroup = 256; // bounds the time that readers of the newest state and other processes wait

    private readonly Channel<Write> _queue =
        Channel.CreateBounded<Write>(new BoundedChannelOptions(MaxQueued) { SingleReader = true });
    private readonly SqliteSession _session;
    private readonly Action _committed;
    private readonly Task _loop;

    /// <param name="committed">Called after each commit, before the writers of the group hear of it.</param>
    public SqliteWriter(SqliteSession session, Action committed)
    {
        (_session, _committed) = (session, committed);
        _loop = Task.Run(RunAsync);
    }

    /// <summary>
    /// Runs a piece of work in a transaction; it may run a second time when another one of its group failed.
    /// Cancellation is heeded until the work starts; after that the caller learns what became of it.
    /// </summary>
    public async Task<T> WriteAsync<T>(Func<SqliteSession, T> work, CancellationToken cancellation)
    {
        var write = new Write<T>(work, cancellation);
        await _queue.Writer.WriteAsync(write, cancellation);
        return await write.Done;
    }

    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _loop;
        _session.Dispose();
    }

    private async Task RunAsync()
    {
        var group = new List<Write>(MaxGroup);
        while (await _queue.Reader.WaitToReadAsync())
        {
            group.Clear();
            while (group.Count < MaxGroup && _queue.Reader.TryRead(out var write))
            {
                if (!write.TryCancel()) group.Add(write);
            }

            if (group.Count > 0) CommitGroup(group);
        }
    }

    /// <summary>
    /// Commits all, or, when that fails, each on its own, so that one write's failure is one caller's failure.
    /// </summary>
    private void CommitGroup(List<Write> group)
    {
        if (TryCommit(group) is not { } failure)
        {
            group.ForEach(write => write.Succeed());
            return;
        }

        if (group.Count == 1)
        {
            group[0].Fail(failure);
            return;
        }

        foreach (var write in group)
        {
            if (TryCommit([write]) is { } own) write.Fail(own);
            else write.Succeed();
        }
    }

    private Exception? TryCommit(List<Write> group)
    {
        try
        {
            _session.Execute("BEGIN IMMEDIATE");
            foreach (var write in group) write.Run(_session);
            _session.Execute("COMMIT");
            _committed();
            return null;
        }
#pragma warning disable CA1031 // Whatever a write throws belongs to its caller, and the loop lives.
        catch (Exception error)
#pragma warning restore CA1031
        {
            _session.TryRollback();
            return error is SqliteException sqlite ? SqliteDatabase.Translate(sqlite) : error;
        }
    }

    private abstract class Write
    {
        public abstract bool TryCancel();

        public abstract void Run(SqliteSession session);

        public abstract void Succeed();

        public abstract void Fail(Exception error);
    }

    private sealed class Write<T>(Func<SqliteSession, T> work, CancellationToken cancellation) : Write
    {
        // Continuations run elsewhere: a caller's code must not run on the writer's loop.
        private readonly TaskCompletionSource<T> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private T _result = default!;

        public Task<T> Done => _done.Task;

        public override bool TryCancel() => cancellation.IsCancellationRequested && _done.TrySetCanceled(cancellation);

        public override void Run(SqliteSession session) => _result = work(session);

        public override void Succeed() => _done.SetResult(_result);

        public override void Fail(Exception error) => _done.SetException(error);
    }
}
