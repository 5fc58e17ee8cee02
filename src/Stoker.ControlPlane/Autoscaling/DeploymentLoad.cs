namespace Stoker.ControlPlane.Autoscaling;

/// <summary>The requests of one deployment that the gateway holds and runs, counted without gaps.</summary>
/// <remarks>
/// One short lock per change: lowest, highest and mean over time are of several numbers at one moment, and some fifty
/// nanoseconds per request are nothing beside it.
/// </remarks>
public sealed class DeploymentLoad(TimeProvider time)
{
    private readonly Lock _gate = new();
    private int _queued;
    private int _running;
    private int _lowest;
    private int _highest;
    private long _requests;
    private long _promptTokens;
    private long _generatedTokens;
    private long _takenAt = time.GetTimestamp();
    private long _changedAt = time.GetTimestamp();
    private long _lastTicks; // UTC; 0 for never
    private double _loadTime; // load x timestamp units since _takenAt, up to _changedAt

    /// <summary>
    /// A request is held, the first after none was: a hint to look at once. Handlers must be quick.
    /// </summary>
    public event Action? Woke;

    /// <summary>Requests that are held.</summary>
    public int Queued => Volatile.Read(ref _queued);

    /// <summary>Requests that a replica works at.</summary>
    public int Running => Volatile.Read(ref _running);

    /// <summary>When a request arrived or ended last; null before the first.</summary>
    public DateTimeOffset? LastUse => Volatile.Read(ref _lastTicks) is > 0 and var ticks ? new(ticks, TimeSpan.Zero) : null;

    /// <summary>A request arrived and is held.</summary>
    public void Held() => Change(queued: 1, running: 0, requests: 1);

    /// <summary>A held request ended without a replica.</summary>
    public void Released() => Change(queued: -1, running: 0, requests: 0);

    /// <summary>A request arrived and went straight to a replica.</summary>
    public void Began() => Change(queued: 0, running: 1, requests: 1);

    /// <summary>A held request went to a replica: one change, so that the load does not dip in between.</summary>
    public void HeldBegan() => Change(queued: -1, running: 1, requests: 0);

    /// <summary>
    /// A running request is held again, for another try. The opposite of <see cref="HeldBegan"/>.
    /// </summary>
    public void HeldAgain() => Change(queued: 1, running: -1, requests: 0);

    /// <summary>A running request ended, however it ended.</summary>
    public void Ended() => Change(queued: 0, running: -1, requests: 0);

    /// <summary>The usage of a request that ended, as the gateway saw it.</summary>
    public void Tokens(long prompt, long generated)
    {
        lock (_gate)
        {
            _promptTokens += prompt;
            _generatedTokens += generated;
        }
    }

    /// <summary>What happened since the last take. For the sampler alone: whoever takes, takes it away.</summary>
    public LoadBucket Take()
    {
        lock (_gate)
        {
            var load = _queued + _running;
            Account_NeedsLock();
            var length = _changedAt - _takenAt;
            var bucket = new LoadBucket(
                _lowest, _highest, length > 0 ? _loadTime / length : load, _requests, _promptTokens, _generatedTokens);
            (_lowest, _highest) = (load, load);
            (_requests, _promptTokens, _generatedTokens) = (0, 0, 0);
            (_takenAt, _loadTime) = (_changedAt, 0);
            return bucket;
        }
    }

    private void Change(int queued, int running, int requests)
    {
        bool woke;
        lock (_gate)
        {
            Account_NeedsLock();
            woke = _queued == 0 && queued > 0;
            _queued += queued;
            _running += running;
            Volatile.Write(ref _lastTicks, time.GetUtcNow().UtcTicks);
            _requests += requests;
            var load = _queued + _running;
            if (load < _lowest) _lowest = load;
            if (load > _highest) _highest = load;
        }

        if (woke) Woke?.Invoke();
    }

    private void Account_NeedsLock()
    {
        var now = time.GetTimestamp();
        _loadTime += (double)(_queued + _running) * (now - _changedAt);
        _changedAt = now;
    }
}
