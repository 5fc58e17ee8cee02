using System.Diagnostics.CodeAnalysis;

namespace Stoker.Replica.Hosting;

/// <summary>
/// Counts the requests inside and closes the door for a drain, which ends with the last of them, not with a timer.
/// </summary>
internal sealed class Admission
{
    private readonly Lock _lock = new();
    private readonly TaskCompletionSource _empty = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _inside;
    private bool _closed;

    public int Inside { get { lock (_lock) return _inside; } }

    public bool Closed { get { lock (_lock) return _closed; } }

    /// <summary>Completes when the door is closed and nobody is inside any more.</summary>
    public Task Empty => _empty.Task;

    public bool TryEnter([NotNullWhen(true)] out IDisposable? ticket)
    {
        lock (_lock)
        {
            ticket = _closed ? null : new Ticket(this);
            if (ticket is not null) _inside++;
        }

        return ticket is not null;
    }

    public void Close()
    {
        lock (_lock)
        {
            _closed = true;
            if (_inside == 0) _empty.TrySetResult();
        }
    }

    private void Leave()
    {
        lock (_lock)
        {
            _inside--;
            if (_closed && _inside == 0) _empty.TrySetResult();
        }
    }

    private sealed class Ticket(Admission admission) : IDisposable
    {
        private int _used;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _used, 1) == 0) admission.Leave();
        }
    }
}
