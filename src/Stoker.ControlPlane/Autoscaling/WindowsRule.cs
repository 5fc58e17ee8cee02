namespace Stoker.ControlPlane.Autoscaling;

/// <summary>
/// The rule of fixed windows: up on load that lasted for the up window, down on the highest of the down window, to zero
/// after an idle time, from zero at once; always straight to the needed count.
/// </summary>
/// <remarks>
/// The count is the number that there shall be, starting ones included, so a backlog that waits for replicas on their
/// way orders no others for itself.
/// </remarks>
internal static class WindowsRule
{
    /// <param name="current">The wanted count until now, within the bounds.</param>
    public static ScalingChoice Choose(ScalingInput input, int current)
    {
        if (current == 0) return FromZero(input);
        if (input.WindowAge > Autoscaler.OldestData) return new(current, ScalingCause.MissingData);

        LoadMeasure? sustained = null;
        if (input.Window.TrySustained(input.Policy.UpWindow, out var lasted))
        {
            sustained = lasted;
            var need = input.Targets.Needed(lasted, input.SequencesPerReplica);
            if (need.Count > current)
            {
                return current < input.Max
                    ? new(need.Count, ScalingCause.LoadLasted, need, sustained)
                    : new(current, ScalingCause.AtMaximum, need, sustained);
            }
        }

        if (IsIdle(input)) return new(0, ScalingCause.Idle, Sustained: sustained);
        return Down(input, current) with { Sustained = sustained };
    }

    /// <summary>
    /// Held requests are the only wake. What still runs on a replica that drains needs no new one.
    /// </summary>
    private static ScalingChoice FromZero(ScalingInput input)
    {
        if (input.Queued <= 0) return new(0, ScalingCause.Steady);
        var need = input.Targets.Needed(LoadMeasure.Of(input.Queued), input.SequencesPerReplica);
        return new(Math.Max(1, need.Count), ScalingCause.Woke, need);
    }

    private static bool IsIdle(ScalingInput input) =>
        input is { Min: 0, EverReady: true, Queued: 0, Running: 0 }
        && input.Window.Idle >= input.Policy.ToZeroWindow
        && (input.Ready > 0 || input.Starting == 0); // a slow starter is not given up before it was ever ready

    private static ScalingChoice Down(ScalingInput input, int current)
    {
        var lowest = Math.Max(input.Min, 1); // the last replica goes by the idle time alone
        var steady = new ScalingChoice(current, ScalingCause.Steady);
        if (current <= lowest || !input.EverReady) return steady;
        if (!input.Window.TryHighest(input.Policy.DownWindow, input.Policy.UpWindow, input.Targets.HasRates, out var highest))
        {
            return steady;
        }

        // What is there at this moment counts too, though its second is not over.
        highest = highest with { Concurrent = Math.Max(highest.Concurrent, input.Queued + input.Running) };
        var need = input.Targets.Needed(highest, input.SequencesPerReplica);
        var count = Math.Max(lowest, need.Count);
        return count < current && input.Targets.AreKnown(input.SequencesPerReplica)
            ? new(count, ScalingCause.LoadFell, need, Highest: highest)
            : steady with { Need = need, Highest = highest };
    }
}
