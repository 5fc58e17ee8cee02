using Stoker.ControlPlane.Autoscaling;

namespace Stoker.ControlPlane.Tests.Autoscaling;

/// <summary>
/// A fleet on a virtual clock: a load that the test says, a decision each second, and replicas that take their time to
/// start.
/// </summary>
internal sealed class ScaledFleet
{
    public static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);

    private readonly List<long> _readyAt = [];
    private LoadWindow _window;
    private long _second = 1_000;

    public ScaledFleet(ScalingPolicy? policy = null)
    {
        Policy = policy ?? ScalingPolicy.Default;
        _window = new(Policy.Memory);
    }

    public ScalingPolicy Policy { get; set; }
    public int Min { get; set; }
    public int Max { get; set; } = 10;
    public LoadTargets Targets { get; set; } = LoadTargets.Usual;
    public int? Sequences { get; set; } = 10;
    public int? Desired { get; set; } = 1;
    public bool EverReady { get; set; } = true;
    public long BootSeconds { get; set; }

    /// <summary>Every replica that was ordered since the beginning.</summary>
    public int Ordered { get; private set; }

    public ScalingDecision Last { get; private set; } = null!;
    public List<ScalingDecision> Changes { get; } = [];

    public LoadWindow Window => _window;

    /// <summary>Seconds with a load that stays the same, and a decision after each.</summary>
    /// <param name="perSecond">What arrives and ends in each second.</param>
    public ScaledFleet Pass(int seconds, int load, LoadBucket perSecond = default)
    {
        for (var i = 0; i < seconds; i++)
        {
            _window.Add(_second++, perSecond with { Lowest = load, Highest = load, Mean = load });
            Decide(load);
        }

        return this;
    }

    /// <summary>Time of which nobody has data.</summary>
    public ScaledFleet Miss(int seconds)
    {
        _second += seconds;
        return this;
    }

    /// <summary>The server is killed and another one reads what was saved.</summary>
    public ScaledFleet Restart(int seconds)
    {
        _window = LoadWindow.Read(_window.Write(), Policy.Memory, _window.LastSecond ?? 0).ShouldNotBeNull();
        return Miss(seconds);
    }

    public ScalingDecision Decide(int load = 0, int? queued = null, int? byHand = null)
    {
        var starting = _readyAt.Count(second => second > _second);
        var input = new ScalingInput
        {
            Policy = Policy,
            Min = Min,
            Max = Max,
            Targets = Targets,
            Window = _window,
            WindowAge = TimeSpan.FromSeconds(_window.LastSecond is { } last ? _second - 1 - last : 0),
            Desired = Desired,
            Ready = (Desired ?? 0) - starting,
            Starting = starting,
            EverReady = EverReady,
            SequencesPerReplica = Sequences,
            ManualCount = byHand,
            Queued = queued ?? 0,
            Running = queued is null ? load : 0,
            Now = Noon.AddSeconds(_second),
        };
        Last = Autoscaler.Decide(input);
        Autoscaler.Count(input).ShouldBe(Last.Desired); // the cheap look and the decision are one
        if (Last.Changes) Changes.Add(Last);
        if (Last.StartsAnew || !EverReady) _window.BeginAnew();
        Apply(Last.Desired);
        return Last;
    }

    private void Apply(int desired)
    {
        var before = Desired ?? 0;
        for (var i = before; i < desired; i++, Ordered++) _readyAt.Add(_second + BootSeconds);
        for (var i = desired; i < before && _readyAt.Count > 0; i++) _readyAt.Remove(_readyAt.Max());
        Desired = desired;
    }
}
