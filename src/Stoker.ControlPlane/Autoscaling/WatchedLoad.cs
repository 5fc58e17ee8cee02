namespace Stoker.ControlPlane.Autoscaling;

/// <summary>
/// One deployment that is watched: its window, its counter, and what was asked about it last, so that each second can
/// tell whether the answer has become another.
/// </summary>
/// <remarks>The sampler adds seconds and the reconciler decides; a lock keeps the two apart.</remarks>
internal sealed class WatchedLoad
{
    private readonly Lock _gate = new();
    private readonly LoadWindow _window;
    private readonly Func<DeploymentLoad> _load;
    private ScalingInput? _asked;
    private long? _sampled;

    // The window's edits when it was written down as this run's; null before.
    private long? _saved;

    // Below this idle time another second without load asks nothing anew; zero while any second has to be weighed.
    private TimeSpan _restsBelow;

    private volatile bool _sleeps;

    public WatchedLoad(LoadWindow window, Func<DeploymentLoad> load) => (_window, _load) = (window, load);

    /// <summary>At zero: only there does a held request hurry.</summary>
    public bool Sleeps => _sleeps;

    /// <summary>How often a second was weighed against what was asked; for tests.</summary>
    internal long Weighings { get; private set; }

    /// <summary>
    /// Decides, and remembers what about. The window begins anew where the decision says so, and as long as the
    /// deployment was never ready: its idle clocks start then.
    /// </summary>
    /// <param name="input">All but the load, which is put in here.</param>
    public ScalingDecision Decide(ScalingInput input, long second)
    {
        lock (_gate)
        {
            _window.Resize(input.Policy.Memory);
            var decision = Autoscaler.Decide(Fill_NeedsLock(input, second));
            if (decision.StartsAnew || !input.EverReady) _window.BeginAnew();
            _asked = input with { Desired = decision.Desired, ManualCount = null };
            _restsBelow = TimeSpan.Zero;
            _sleeps = decision.Desired == 0;
            return decision;
        }
    }

    /// <summary>Whether another count would be decided now.</summary>
    public bool IsTimeToDecide(long second)
    {
        lock (_gate)
        {
            return IsTimeToDecide_NeedsLock(second);
        }
    }

    /// <summary>What would be decided now; null before the first decision.</summary>
    public ScalingDecision? Look(long second, DateTimeOffset now)
    {
        lock (_gate)
        {
            return _asked is null ? null : Autoscaler.Decide(Fill_NeedsLock(_asked, second) with { Now = now });
        }
    }

    /// <summary>Takes in all that the gateway counted up to and with a second that is over.</summary>
    /// <returns>Whether it is time to decide anew.</returns>
    public bool Sample(long second)
    {
        lock (_gate)
        {
            if (_sampled >= second || _window.LastSecond >= second) return false;
            var load = _load();
            var bucket = load.Take();
            AddMissed_NeedsLock(second, bucket);
            _window.Add(second, bucket);
            _sampled = second;
            if (_window.IsAtRest && _window.Idle < _restsBelow && load is { Queued: 0, Running: 0 }) return false;
            var isTime = IsTimeToDecide_NeedsLock(second + 1);
            _restsBelow = isTime ? TimeSpan.Zero : Autoscaler.RestsBelow(_asked, _window);
            return isTime;
        }
    }

    /// <summary>The window for a save; null while it has no second.</summary>
    public WindowSave? Save()
    {
        lock (_gate)
        {
            if (_window.LastSecond is not { } last) return null;
            var isDue = _sampled is null || _saved != _window.Edits;
            return new(isDue ? _window.Write() : null, last, _window.Edits, IsSampled: _sampled is not null);
        }
    }

    /// <summary>It is written down as this run's.</summary>
    public void NoteSaved(WindowSave save)
    {
        lock (_gate)
        {
            _saved = save.Edits;
        }
    }

    private bool IsTimeToDecide_NeedsLock(long second)
    {
        if (_asked is null) return false;
        Weighings++;
        return Autoscaler.Count(Fill_NeedsLock(_asked, second)) != _asked.Desired;
    }

    /// <summary>
    /// A late sampler has missed no request: the counter went on, and its mean holds for all the seconds that it
    /// covers.
    /// </summary>
    private void AddMissed_NeedsLock(long second, in LoadBucket bucket)
    {
        if (_sampled is not { } sampled) return;
        var same = bucket with { Requests = 0, PromptTokens = 0, GeneratedTokens = 0 };
        for (var missed = sampled + 1; missed < second; missed++) _window.Add(missed, same);
    }

    private ScalingInput Fill_NeedsLock(ScalingInput input, long second)
    {
        var (load, last) = (_load(), _window.LastSecond);
        return input with
        {
            Window = _window,
            WindowAge = TimeSpan.FromSeconds(last is { } known ? Math.Max(0, second - 1 - known) : 0),
            Queued = load.Queued,
            Running = load.Running,
        };
    }
}

/// <summary>One window at the moment of a save.</summary>
/// <param name="Window">Null when since the last save nothing but empty seconds was added.</param>
/// <param name="IsSampled">Whether this run has added any second to it; else all of it is an earlier run's.</param>
internal readonly record struct WindowSave(byte[]? Window, long LastSecond, long Edits, bool IsSampled);
