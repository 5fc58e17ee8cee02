using System.Threading.Tasks.Sources;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Metering;

/// <summary>A request that runs. It ends once, in one of the ways of <see cref="RequestStatus"/>; one caller at a time.</summary>
public sealed class OpenRequest : IValueTaskSource
{
    private readonly RequestLedger _ledger;
    private readonly long _begun;
    private ManualResetValueTaskSourceCore<bool> _committed = new() { RunContinuationsAsynchronously = true };
    private TimeSpan? _firstToken;
    private bool _isTold; // of the ledger's loop, or of who found that closed

    internal OpenRequest(RequestLedger ledger, RequestRow row, int slot, long begun) => (_ledger, Row, Slot, _begun) = (ledger, row, slot, begun);

    public bool HasEnded { get; private set; }

    /// <summary>As a kill at this moment leaves it; after the end as it is written.</summary>
    internal RequestRow Row { get; private set; }

    internal int Slot { get; }

    /// <summary>The head of an answer came; only the first counts.</summary>
    public void Answered() => _firstToken ??= _ledger.Since(_begun);

    /// <summary>Ends it. The task is over when the row is committed: before that the client must not see the end.</summary>
    /// <remarks>
    /// Where the ledger takes no rows, the task is over when the row stands in the gateway's journal, from which it is written later.
    /// What was ended stays as it is, so whoever sees an end may say so.
    /// </remarks>
    public ValueTask EndAsync(RequestStatus status, string reason, RequestTokens tokens)
    {
        if (HasEnded) return ValueTask.CompletedTask;
        HasEnded = true;
        Row = Row with { Status = status, Reason = reason, Tokens = tokens, EndTime = Row.BeginTime + _ledger.Since(_begun), FirstToken = _firstToken };
        _ledger.Ended(this);
        return new(this, _committed.Version);
    }

    internal void Commit()
    {
        _isTold = true;
        _committed.SetResult(true);
    }

    internal void Fail(Exception error)
    {
        if (_isTold) return;
        _isTold = true;
        _committed.SetException(error);
    }

    void IValueTaskSource.GetResult(short token) => _committed.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _committed.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _committed.OnCompleted(continuation, state, token, flags);
}
