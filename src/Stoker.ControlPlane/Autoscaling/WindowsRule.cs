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
        if (current == 0) return ZeroRule.FromZero(input);
        if (input.WindowAge > Autoscaler.OldestData) return new(current, ScalingCause.MissingData);

        LoadMeasure? sustained = null;
        if (input.Window.TrySustained(input.Policy.UpWindow, out var lasted))
        {
            sustained = lasted;
            var need = input.Targets.Needed(lasted, input.SequencesPerReplica);
            if (need.Count > current)
            {
                return current < input.Max
                    ? new(need.Count, ScalingCause.LoadLasted, need, sustained) { Over = input.Policy.UpWindow }
                    : new(current, ScalingCause.AtMaximum, need, sustained) { Over = input.Policy.UpWindow };
            }
        }

        if (ZeroRule.IsIdle(input)) return new(0, ScalingCause.Idle, Sustained: sustained);
        return Down(input, current) with { Sustained = sustained };
    }

    private static ScalingChoice Down(ScalingInput input, int current)
    {
        var lowest = Math.Max(input.Min, 1); // the last replica goes by the idle time alone
        var steady = new ScalingChoice(current, ScalingCause.Steady) { Over = input.Policy.DownWindow };
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
            ? steady with { Count = count, Cause = ScalingCause.LoadFell, Need = need, Highest = highest }
            : steady with { Need = need, Highest = highest };
    }
}
