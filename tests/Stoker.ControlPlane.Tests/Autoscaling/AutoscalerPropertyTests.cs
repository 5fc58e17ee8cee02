using FsCheck;
using FsCheck.Fluent;
using Stoker.ControlPlane.Autoscaling;

namespace Stoker.ControlPlane.Tests.Autoscaling;

/// <summary>What holds under every rule for any history of loads, gaps, hands and bounds.</summary>
public class AutoscalerPropertyTests
{
    private static readonly ScalingPolicy Quick =
        new(TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(20));

    private static readonly ScalingPolicy Auto = Quick with { Mode = ScalingMode.Auto };

    /// <summary>Each with the seconds after which a count that went up may go down again.</summary>
    public static TheoryData<ScalingPolicy, int> Rules => new() { { Quick, 10 }, { Auto, 300 } };

    [Theory, MemberData(nameof(Rules))]
    public void The_count_is_never_below_the_minimum_nor_above_the_maximum(ScalingPolicy policy, int _) => Prop.ForAll(Histories().ToArbitrary(), history =>
    {
        var fleet = new ScaledFleet(policy);
        return history.All(step =>
        {
            Do(fleet, step);
            return fleet.Last.Desired >= Math.Min(fleet.Min, fleet.Max) && fleet.Last.Desired <= fleet.Max;
        });
    }).QuickCheckThrowOnFailure();

    [Theory, MemberData(nameof(Rules))]
    public void Missing_data_only_ever_holds(ScalingPolicy policy, int _) => Prop.ForAll(Histories().ToArbitrary(), history =>
    {
        var fleet = new ScaledFleet(policy);
        foreach (var step in history) Do(fleet, step);
        (fleet.Min, fleet.Max) = (0, 10); // bounds move a count without any data
        if (fleet.Desired == 0) fleet.Decide(byHand: 3);
        var before = fleet.Desired;
        return fleet.Window.LastSecond is null || fleet.Miss(6).Decide(load: 50).Desired == before;
    }).QuickCheckThrowOnFailure();

    [Theory, MemberData(nameof(Rules))]
    public void The_load_alone_never_asks_for_more_than_the_highest_load_needs(ScalingPolicy policy, int _) => Prop.ForAll(Loads().ToArbitrary(), loads =>
    {
        var fleet = new ScaledFleet(policy) { Max = 1_000 };
        var highest = 0;
        return loads.All(load =>
        {
            highest = Math.Max(highest, load);
            return fleet.Pass(1, load).Desired <= Math.Max(1, (int)Math.Ceiling(highest / 8.0));
        });
    }).QuickCheckThrowOnFailure();

    [Theory, MemberData(nameof(Rules))]
    public void Load_that_stays_gets_what_it_needs_and_no_more(ScalingPolicy policy, int keep) => Prop.ForAll(Loads().ToArbitrary(), Gen.Choose(1, 500).ToArbitrary(), (loads, last) =>
    {
        var fleet = new ScaledFleet(policy) { Max = 1_000 };
        foreach (var load in loads) fleet.Pass(1, load);
        fleet.Decide(queued: last); // at zero a request wakes
        fleet.Pass(4 * keep, last); // three times as long where bursts came, and smoothed
        return fleet.Desired == (int)Math.Ceiling(last / 8.0);
    }).QuickCheckThrowOnFailure();

    [Theory, MemberData(nameof(Rules))]
    public void A_held_request_at_zero_always_wakes(ScalingPolicy policy, int _) => Prop.ForAll(Histories().ToArbitrary(), Gen.Choose(1, 100).ToArbitrary(), (history, held) =>
    {
        var fleet = new ScaledFleet(policy);
        foreach (var step in history) Do(fleet, step);
        (fleet.Min, fleet.Max, fleet.Desired) = (0, 10, 0);
        return fleet.Miss(3).Decide(queued: held).Desired == Math.Min(10, (int)Math.Ceiling(held / 8.0));
    }).QuickCheckThrowOnFailure();

    [Theory, MemberData(nameof(Rules))]
    public void A_restart_that_misses_nothing_changes_no_decision(ScalingPolicy policy, int _) => Prop.ForAll(Histories().ToArbitrary(), Loads().ToArbitrary(), (history, after) =>
    {
        var (one, other) = (new ScaledFleet(policy), new ScaledFleet(policy));
        foreach (var step in history)
        {
            Do(one, step);
            Do(other, step);
        }

        if (one.Window.LastSecond is not null) other.Restart(seconds: 0);
        return after.All(load => one.Pass(1, load).Desired == other.Pass(1, load).Desired);
    }).QuickCheckThrowOnFailure();

    [Theory, MemberData(nameof(Rules))]
    public void Starting_replicas_count_however_long_they_take(ScalingPolicy policy, int _) => Prop.ForAll(
        Gen.Choose(1, 500).ToArbitrary(), Gen.Choose(0, 2_000).ToArbitrary(), (load, boot) =>
        {
            var fleet = new ScaledFleet(policy) { Max = 1_000, BootSeconds = boot };
            fleet.Pass(500, load);
            return fleet.Ordered == (int)Math.Ceiling(load / 8.0) - 1;
        }).QuickCheckThrowOnFailure();

    [Theory, MemberData(nameof(Rules))]
    public void What_went_up_stays_up_so_that_the_direction_changes_seldom(ScalingPolicy policy, int keep) => Prop.ForAll(Waves().ToArbitrary(), waves =>
    {
        var fleet = new ScaledFleet(policy) { Min = 1, Max = 1_000 }; // to zero it goes by another time
        foreach (var (load, seconds) in waves) fleet.Pass(seconds, load);
        return fleet.Changes.Zip(fleet.Changes.Skip(1)).All(pair =>
            pair.First.Desired < pair.First.Facts.Before
            || pair.Second.Desired > pair.First.Desired
            || pair.Second.Facts.Time - pair.First.Facts.Time >= TimeSpan.FromSeconds(keep));
    }).QuickCheckThrowOnFailure();

    private static Gen<(int Load, int Seconds)[]> Waves() => Gen.ArrayOf(
        from load in Gen.Frequency((1, Gen.Constant(0)), (3, Gen.Choose(1, 30)), (1, Gen.Choose(0, 300)))
        from seconds in Gen.Frequency((3, Gen.Choose(1, 40)), (1, Gen.Choose(1, 400)))
        select (load, seconds)).Resize(20);

    private static Gen<int[]> Loads() => Gen.ArrayOf(Gen.Frequency((2, Gen.Constant(0)), (3, Gen.Choose(0, 20)), (1, Gen.Choose(0, 200)))).Resize(60);

    private static Gen<Step[]> Histories() => Gen.ArrayOf(
        from kind in Gen.Frequency((8, Gen.Constant(StepKind.Load)), (1, Gen.Constant(StepKind.Gap)), (1, Gen.Constant(StepKind.Hand)), (1, Gen.Constant(StepKind.Bounds)), (1, Gen.Constant(StepKind.Held)))
        from number in Gen.Frequency((2, Gen.Constant(0)), (4, Gen.Choose(0, 30)), (1, Gen.Choose(0, 300)))
        from seconds in Gen.Choose(1, 25)
        select new Step(kind, number, seconds)).Resize(40);

    private static void Do(ScaledFleet fleet, Step step)
    {
        switch (step.Kind)
        {
            case StepKind.Load:
                fleet.Pass(step.Seconds, step.Number);
                break;
            case StepKind.Gap:
                fleet.Miss(step.Number).Decide();
                break;
            case StepKind.Hand:
                fleet.Decide(byHand: step.Number);
                break;
            case StepKind.Bounds:
                (fleet.Min, fleet.Max) = (step.Number % 5, (step.Number % 5) + (step.Seconds % 7));
                fleet.Decide();
                break;
            default:
                fleet.Decide(queued: step.Number);
                break;
        }
    }

    private enum StepKind
    {
        Load,
        Gap,
        Hand,
        Bounds,
        Held,
    }

    private sealed record Step(StepKind Kind, int Number, int Seconds);
}
