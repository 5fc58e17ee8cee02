using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Stoker.Api.Names;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Metering;

/// <summary>
/// Writes one row for each request, whatever becomes of it. What runs stands in a <see cref="RequestJournal"/>; what ends is
/// committed in groups by one loop, at once when it is idle.
/// </summary>
/// <remarks>
/// <code>
/// killed                        what the next look at the journal finds   the ledger has
/// before the journal has it     nothing                                   nothing; no replica got it
/// while it runs                 a row that is lost                        that
/// before the commit             the same                                  that; the client has not seen the end
/// after the commit              the same, and its id is in the ledger     what was committed
/// </code>
/// </remarks>
public sealed partial class RequestLedger : IAsyncDisposable
{
    /// <summary>Rows of one transaction: some 5 ms of the store's writer, which others wait for.</summary>
    private const int MostTogether = 512;

    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);

    private readonly Channel<OpenRequest> _ended = Channel.CreateUnbounded<OpenRequest>(new() { SingleReader = true }); // bounded by the journal's slots
    private readonly List<OpenRequest> _owed = []; // their clients have the end, and the store has not taken them
    private readonly IRequestStore _store;
    private readonly string _journals;
    private readonly RequestJournal _journal;
    private readonly RequestFaults _faults;
    private readonly TimeProvider _time;
    private readonly ILogger<RequestLedger> _log;
    private readonly Task _loop;
    private Exception? _broken;
    private bool _disposed;
    private volatile bool _isAbandoned;

    /// <exception cref="StorageException">The journal cannot be made.</exception>
    public RequestLedger(IRequestStore store, DataDirectory data, RequestFaults faults, TimeProvider time, ILogger<RequestLedger> log)
    {
        (_store, _faults, _time, _log) = (store, faults, time, log);
        _journals = data.Requests;
        _journal = RequestJournal.Create(_journals);
        _loop = Task.Run(RunAsync);
    }

    /// <summary>From here on the request is in the ledger, however it ends.</summary>
    /// <param name="id">Made by the server, and new.</param>
    /// <param name="clientId">What the client calls it.</param>
    /// <exception cref="StorageException">Nothing can be written down now: the request must not run.</exception>
    public OpenRequest Begin(string id, string? clientId, Principal caller, DeploymentName deployment, ModelName model, ModelName? addon)
    {
        _faults.Reach(RequestStep.Beginning);
        if (_broken is { } broken) throw new StorageException(StorageFault.Unusable, "The token ledger stopped: restart the server", broken);
        var now = _time.GetUtcNow();
        var row = new RequestRow(
            id, clientId, caller.Account, caller.User, caller.KeyId, deployment, model, addon, default, RequestStatus.Lost, "GATEWAY_KILLED", now, now, null);
        var slot = Add(row);
        _faults.Reach(RequestStep.Begun);
        return new(this, row, slot, _time.GetTimestamp());
    }

    /// <summary>Ends in the ledger what gateways that are dead had begun.</summary>
    /// <returns>The number of requests that were lost.</returns>
    /// <exception cref="StorageException">The ledger takes nothing now; try again.</exception>
    public async Task<int> SettleLostAsync(CancellationToken cancellation)
    {
        var lost = 0;
        foreach (var orphan in RequestJournal.TakeOrphans(_journals))
        {
            using var journal = orphan;
            var (rows, unreadable) = journal.Read();
            var now = _time.GetUtcNow();
            var settled = rows.Select(row => row.Status == RequestStatus.Lost ? row with { EndTime = Later(row.BeginTime, now) } : row).ToList();
            if (settled.Count > 0) await _store.AppendAsync(settled, cancellation);
            if (rows.Count + unreadable > 0) LogSettled(rows.Count, unreadable);
            journal.Remove();
            lost += rows.Count;
        }

        return lost;
    }

    public async ValueTask DisposeAsync()
    {
        if (_disposed) return;
        _disposed = true;
        _ended.Writer.TryComplete();
        await _loop;
        if (_isAbandoned) return;
        if (_journal.Read().Rows.Count == 0) _journal.Remove();
        else _journal.Dispose(); // the next server settles it
    }

    /// <summary>As a kill does: whatever is not written is not written any more.</summary>
    internal void Abandon()
    {
        _broken ??= new ObjectDisposedException(nameof(RequestLedger));
        _isAbandoned = true;
        _ended.Writer.TryComplete();
        _journal.Dispose();
    }

    internal TimeSpan Since(long timestamp) => _time.GetElapsedTime(timestamp);

    internal void Ended(OpenRequest request)
    {
        _faults.Reach(RequestStep.Ending);
        if (!_ended.Writer.TryWrite(request)) request.Fail(_broken ?? new ObjectDisposedException(nameof(RequestLedger)));
    }

    private static DateTimeOffset Later(DateTimeOffset one, DateTimeOffset other) => one > other ? one : other;

    private int Add(RequestRow row)
    {
        try
        {
            return _journal.Add(row) is var slot and >= 0
                ? slot
                : throw new StorageException(StorageFault.Unavailable, $"{RequestJournal.MostOpen} requests run in this gateway, and no more are begun");
        }
        catch (IOException error)
        {
            throw new StorageException(StorageFault.Full, "The data directory takes no further request: make room, then try again", error);
        }
    }

    private async Task RunAsync()
    {
        var (batch, rows) = (new List<OpenRequest>(MostTogether), new List<RequestRow>(MostTogether));
        try
        {
            while (!_isAbandoned && await NextAsync(batch)) await CommitAsync(batch, rows);
            if (!_isAbandoned && _owed.Count > 0) await CommitAsync(batch, rows);
        }
#pragma warning disable CA1031 // A bug here must not leave requests waiting for ever: none begins any more, and each that ends says why.
        catch (Exception error)
#pragma warning restore CA1031
        {
            _broken ??= error;
            if (!_isAbandoned) LogBroken(error);
            _ended.Writer.TryComplete();
            foreach (var request in batch) request.Fail(error);
        }
        finally
        {
            while (_ended.Reader.TryRead(out var waiting)) waiting.Fail(_broken ?? new ObjectDisposedException(nameof(RequestLedger)));
        }
    }

    /// <returns>False when there will be none any more.</returns>
    private async Task<bool> NextAsync(List<OpenRequest> batch)
    {
        batch.Clear();
        if (_owed.Count > 0 && await RestAsync()) return true;
        if (!await _ended.Reader.WaitToReadAsync()) return false;
        while (batch.Count < MostTogether && _ended.Reader.TryRead(out var request)) batch.Add(request);
        return true;
    }

    /// <summary>A store that took nothing is left alone for a moment.</summary>
    /// <returns>True when the moment is over and nobody ended meanwhile.</returns>
    private async Task<bool> RestAsync()
    {
        using var over = new CancellationTokenSource();
        var ended = _ended.Reader.WaitToReadAsync(over.Token).AsTask();
        var isFirst = await Task.WhenAny(ended, Task.Delay(RetryDelay, _time, over.Token)) == ended;
        await over.CancelAsync(); // takes the timer or the wait down
        await ((Task)ended).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return !isFirst;
    }

    private async Task CommitAsync(List<OpenRequest> batch, List<RequestRow> rows)
    {
        rows.Clear();
        foreach (var request in _owed) rows.Add(request.Row);
        foreach (var request in batch) rows.Add(request.Row);
        _faults.Reach(RequestStep.Committing);
        try
        {
            await _store.AppendAsync(rows, CancellationToken.None); // what is decided is to be written
        }
        catch (StorageException error)
        {
            Owe(batch, error);
            return;
        }

        _faults.Reach(RequestStep.Committed);
        Tell(batch);
        _faults.Reach(RequestStep.Told);
        foreach (var request in _owed) _journal.Clear(request.Slot);
        foreach (var request in batch) _journal.Clear(request.Slot);
        _owed.Clear();
    }

    /// <summary>The rows go to the journal, so that a kill does not lose how they ended, and clients need not wait for a disk to have room.</summary>
    private void Owe(List<OpenRequest> batch, StorageException cause)
    {
        LogUnwritten(_owed.Count + batch.Count, cause);
        foreach (var request in batch)
        {
            try
            {
                _journal.Write(request.Slot, request.Row);
            }
            catch (IOException error)
            {
                LogUnkept(error);
            }
        }

        _owed.AddRange(batch);
        Tell(batch);
    }

    private static void Tell(List<OpenRequest> batch)
    {
        foreach (var request in batch) request.Commit();
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The token ledger takes no rows: {Rows} wait in the gateway's journal, and are tried again")]
    private partial void LogUnwritten(int rows, Exception error);

    [LoggerMessage(Level = LogLevel.Error, Message = "The gateway's journal cannot be written either: a row is in memory alone until the ledger takes it")]
    private partial void LogUnkept(Exception error);

    [LoggerMessage(Level = LogLevel.Critical, Message = "The token ledger stopped: no request is begun any more. Restart the server")]
    private partial void LogBroken(Exception error);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A gateway was killed: {Rows} requests that it had begun are settled in the token ledger, {Unreadable} could not be read")]
    private partial void LogSettled(int rows, int unreadable);
}
