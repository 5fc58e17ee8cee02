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

    private volatile bool _sleeps;

    public WatchedLoad(LoadWindow window, Func<DeploymentLoad> load) => (_window, _load) = (window, load);

    /// <summary>At zero: only there does a held request hurry.</summary>
    public bool Sleeps => _sleeps;

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
            var bucket = _load().Take();
            AddMissed_NeedsLock(second, bucket);
            _window.Add(second, bucket);
            _sampled = second;
            return IsTimeToDecide_NeedsLock(second + 1);
        }
    }

    /// <summary>The window as bytes with its last second; null while it has none.</summary>
    public (byte[] Window, long LastSecond)? Save()
    {
        lock (_gate)
        {
            return _window.LastSecond is { } last ? (_window.Write(), last) : null;
        }
    }

    private bool IsTimeToDecide_NeedsLock(long second) =>
        _asked is not null && Autoscaler.Count(Fill_NeedsLock(_asked, second)) != _asked.Desired;

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
