namespace Stoker.ControlPlane.Autoscaling;

/// <summary>
/// The rule of our own: it fills replicas to the brim, because a wait of a second or two is no harm, follows a jump at
/// once, and keeps a fleet that meets bursts longer than one that does not.
/// </summary>
/// <remarks>
/// (1) Load is its mean over six seconds: a small spike, over before anybody has waited long, needs no replica. (2) Up
/// when all such means of the last half minute need more; when all of the last five seconds are half above what the
/// replicas carry, at once, before a backlog forms that would order replicas for itself. (3) Down to what the highest mean and the highest jump of
/// the last five minutes need; of the last fifteen where bursts come that are shorter than a cold start, which no fleet can follow.
/// The constants were chosen with the simulator, see its documentation.
/// </remarks>
internal static class AutoRule
{
    private static readonly TimeSpan Smoothing = TimeSpan.FromSeconds(6);
    private static readonly TimeSpan Lasting = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Sudden = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Keep = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan KeepInBursts = TimeSpan.FromMinutes(15);

    // Of what the count until now carries.
    private const double Jump = 1.5;

    // Of the average load: above it, the highest was a burst.
    private const double Burst = 3;

    /// <summary>As much of the past as it asks for: means over the up time, at each second of the longest one.</summary>
    public static TimeSpan Memory => KeepInBursts + Lasting;

    /// <param name="current">The wanted count until now, within the bounds.</param>
    public static ScalingChoice Choose(ScalingInput input, int current)
    {
        if (current == 0) return ZeroRule.FromZero(input);
        if (input.WindowAge > Autoscaler.OldestData) return new(current, ScalingCause.MissingData);

        if (Jumped(input, current) is { } jumped) return jumped;
        var lasted = Lasted(input);
        if (lasted is { } load && input.Targets.Needed(load, input.SequencesPerReplica) is var need && need.Count > current)
        {
            return Up(input, current, new(need.Count, ScalingCause.LoadLasted, need, lasted) { Over = Lasting });
        }

        if (ZeroRule.IsIdle(input)) return new(0, ScalingCause.Idle, Sustained: lasted);
        return Down(input, current) with { Sustained = lasted };
    }

    /// <summary>
    /// By concurrency alone: rates need time, and show in what lasts. The means tell that it jumped, and still rise by
    /// then; where it stands is what the seconds have all had.
    /// </summary>
    private static ScalingChoice? Jumped(ScalingInput input, int current)
    {
        if (!input.Window.TryMeans(Sudden, Smoothing, unbroken: true, out var means) || !input.Window.TrySustained(Sudden, out var seconds)) return null;
        var seen = input.Targets.Needed(Concurrent(means.Lowest), input.SequencesPerReplica);
        if (seen.Count <= current || seen.Load < Jump * current * seen.PerReplica) return null;
        var load = Concurrent(Math.Max(means.Lowest, seconds.Concurrent));
        var need = input.Targets.Needed(load, input.SequencesPerReplica);
        return Up(input, current, new(need.Count, ScalingCause.LoadJumped, need, load) { Over = Sudden });
    }

    private static LoadMeasure Concurrent(double load) => new(load, 0, 0, 0);

    private static LoadMeasure? Lasted(ScalingInput input) =>
        input.Window.TryMeans(Lasting, Smoothing, unbroken: true, out var means) && input.Window.TrySustained(Lasting, out var rates)
            ? rates with { Concurrent = means.Lowest }
            : null;

    private static ScalingChoice Up(ScalingInput input, int current, in ScalingChoice more) =>
        current < input.Max ? more : more with { Count = current, Cause = ScalingCause.AtMaximum };

    private static ScalingChoice Down(ScalingInput input, int current)
    {
        var lowest = Math.Max(input.Min, 1); // the last replica goes by the idle time alone
        var steady = new ScalingChoice(current, ScalingCause.Steady) { Over = Keep };
        if (current <= lowest || !input.EverReady) return steady;

        var seen = input.Window.Settled < KeepInBursts ? input.Window.Settled : KeepInBursts;
        if (seen < Keep || !input.Window.TryMeans(seen, Smoothing, unbroken: false, out var all)) return steady;
        var inBursts = all.Highest > Burst * all.Average;
        var keep = inBursts ? KeepInBursts : Keep;
        steady = steady with { Over = keep, InBursts = inBursts };
        if (!input.Window.TryMeans(keep, Smoothing, unbroken: false, out var means)
            || !input.Window.TryHighest(keep, Lasting, input.Targets.HasRates, out var highest))
        {
            return steady;
        }

        // What is there at this moment counts too: a jump takes seconds to show in a mean.
        highest = highest with { Concurrent = Math.Max(means.Highest, input.Queued + input.Running) };
        var need = input.Targets.Needed(highest, input.SequencesPerReplica);
        if (need.Count < current)
        {
            // A jump was answered by what its seconds have all had, which a mean shows later, and not at all when it is over by then.
            highest = highest with { Concurrent = Math.Max(highest.Concurrent, input.Window.HighestLasting(keep, Sudden)) };
            need = input.Targets.Needed(highest, input.SequencesPerReplica);
        }

        var count = Math.Max(lowest, need.Count);
        return count < current && input.Targets.AreKnown(input.SequencesPerReplica)
            ? steady with { Count = count, Cause = ScalingCause.LoadFell, Need = need, Highest = highest }
            : steady with { Need = need, Highest = highest };
    }
}
