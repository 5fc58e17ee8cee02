namespace Stoker.Engine.Scheduling;

/// <summary>
/// The thread that turns the <see cref="StepLoop"/>, and the mailbox through which everyone else reaches it: callers, and
/// the delivery's thread where there is one.
/// </summary>
internal sealed class LoopThread : IAsyncDisposable
{
    private readonly StepLoop _loop;
    private readonly TimeProvider _time;
    private readonly Action? _prepare;
    private readonly Thread _thread;
    private readonly AutoResetEvent _wake = new(false);
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Lock _lock = new();
    private List<RequestState> _new = [], _cancelled = []; // under the lock
    private List<(RequestState Request, FinishReason Reason)> _abandoned = []; // under the lock
    private List<Sequence> _stopped = []; // under the lock
    private bool _idle = true, _closing; // under the lock
    private bool _woken; // under the lock: something changed that the last step has not seen
    private long _beatAt; // under the lock

    /// <param name="loop">What it turns.</param>
    /// <param name="time">For the heartbeat.</param>
    /// <param name="ownDelivery">Text and events are made on a thread of their own, beside the steps.</param>
    /// <param name="prepare">Done first, on the thread itself: it is a member of the model's team.</param>
    public LoopThread(StepLoop loop, TimeProvider time, bool ownDelivery = false, Action? prepare = null)
    {
        (_loop, _time, _beatAt, _prepare) = (loop, time, time.GetTimestamp(), prepare);
        if (ownDelivery)
        {
            (loop.Desk.Stopped, loop.Desk.Abandoned) = (PostStopped, PostAbandoned);
            loop.Delivery = new(loop.Desk);
        }
        _thread = new(Run) { IsBackground = true, Name = "stoker-engine" };
    }

    /// <summary>Zero while there is nothing to do: a loop that sleeps is well.</summary>
    public TimeSpan HeartbeatAge
    {
        get { lock (_lock) return _idle ? TimeSpan.Zero : _time.GetElapsedTime(_beatAt); }
    }

    public void Start() => _thread.Start();

    /// <summary>All of them are there for the same step. False when the loop is closing.</summary>
    public bool TryPost(params ReadOnlySpan<RequestState> requests)
    {
        lock (_lock)
        {
            if (_closing) return false;
            _new.AddRange(requests);
            NoteWork_NeedsLock();
            return true;
        }
    }

    public void PostCancel(RequestState request)
    {
        lock (_lock)
        {
            if (_closing) return; // closing ends all of them
            _cancelled.Add(request);
            NoteWork_NeedsLock();
        }
    }

    /// <summary>What a request waited for may be there.</summary>
    public void Wake()
    {
        lock (_lock)
        {
            if (_closing) return;
            _woken = true;
            NoteWork_NeedsLock();
        }
    }

    /// <summary>Ends all requests and the thread. Called once.</summary>
    public async ValueTask DisposeAsync()
    {
        lock (_lock)
        {
            _closing = true;
            _wake.Set();
        }
        await _ended.Task;
        _loop.Dispose();
        _wake.Dispose(); // nobody sets it after the closing
    }

    private void Run()
    {
        _prepare?.Invoke();
        while (TakeIn())
        {
            if (!TryStep() && !_loop.Calibrate()) WaitForWork();
        }
        _loop.EndAll(FinishReason.Cancelled, new EngineFaultException("The engine closes."));
        _loop.Delivery?.Dispose();
        _ended.SetResult();
    }

    // A step that throws has met a bug of the loop itself, not of a request: whose state is sound cannot be told, so
    // all end.
    private bool TryStep()
    {
        try
        {
            return _loop.Step();
        }
        catch (Exception error)
        {
            _loop.EndAll(FinishReason.Error, new EngineFaultException("A step of the engine failed; every request in it was ended.", error));
            return true;
        }
    }

    /// <summary>New requests and cancellations since the last step. False when it is time to end.</summary>
    private bool TakeIn()
    {
        List<RequestState> added, cancelled;
        List<(RequestState Request, FinishReason Reason)> abandoned;
        List<Sequence> stopped;
        bool closing;
        lock (_lock)
        {
            (added, cancelled, closing) = (Taken(ref _new), Taken(ref _cancelled), _closing);
            (abandoned, stopped) = (Taken(ref _abandoned), Taken(ref _stopped));
            _beatAt = _time.GetTimestamp();
            _woken = false;
        }
        foreach (var request in added) _loop.Add(request);
        foreach (var sequence in stopped) _loop.Release(sequence);
        foreach (var (request, reason) in abandoned) _loop.Abandon(request, reason);
        foreach (var request in cancelled) _loop.Cancel(request);
        _loop.Delivery?.Flush();
        return !closing;
    }

    /// <summary>
    /// The list, with an empty one in its place. A list that stays where callers add to it must not be walked outside of the
    /// lock, not even an empty one.
    /// </summary>
    private static List<T> Taken<T>(ref List<T> list)
    {
        if (list.Count == 0) return Nothing<T>.List; // most steps: nothing is allocated
        var taken = list;
        list = [];
        return taken;
    }

    private void WaitForWork()
    {
        lock (_lock)
        {
            if (_new.Count + _cancelled.Count + _abandoned.Count + _stopped.Count > 0 || _closing || _woken) return;
            _idle = true;
        }
        _wake.WaitOne();
    }

    private void PostStopped(Sequence sequence)
    {
        lock (_lock)
        {
            _stopped.Add(sequence);
            NoteWork_NeedsLock();
        }
    }

    private void PostAbandoned(RequestState request, FinishReason reason)
    {
        lock (_lock)
        {
            _abandoned.Add((request, reason));
            NoteWork_NeedsLock();
        }
    }

    private void NoteWork_NeedsLock()
    {
        if (_idle) (_idle, _beatAt) = (false, _time.GetTimestamp());
        _wake.Set();
    }

    private static class Nothing<T>
    {
        public static readonly List<T> List = [];
    }
}
