using FsCheck;
using FsCheck.Fluent;
using Stoker.Engine.Scheduling;

namespace Stoker.Engine.Tests.Scheduling;

/// <summary>Steps of a machine on paper: what it does is known, so what is learned of it can be checked.</summary>
public sealed class StepCostTests
{
    [Fact]
    public void Sizes_that_never_came_are_estimated_from_those_that_did() => Prop.ForAll<int>(seed =>
    {
        var random = new Random(seed);
        var machine = Machine.Any(random);
        var cost = New();
        for (var step = 0; step < 300; step++) Learn(cost, machine, Step(random), noise: 1);
        for (var probe = 0; probe < 20; probe++)
        {
            var work = Step(random);
            cost.Predict(work).ShouldBe(machine.Microseconds(work), machine.Microseconds(work) * 0.1, $"seed {seed}, {work}");
        }
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Noise_and_lost_time_slices_move_an_estimate_little() => Prop.ForAll<int>(seed =>
    {
        var random = new Random(seed);
        var machine = Machine.Any(random);
        var cost = New();
        for (var step = 0; step < 1000; step++)
        {
            var noise = random.Next(30) == 0 ? 20 : 0.95 + (random.NextDouble() * 0.1);
            Learn(cost, machine, Step(random), noise);
        }
        var work = new StepWork(64, 64 * 300, 9);
        cost.Predict(work).ShouldBe(machine.Microseconds(work), machine.Microseconds(work) * 0.35, $"seed {seed}");
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Ten_thousand_decodes_do_not_make_it_forget_what_a_prompt_cost()
    {
        var (cost, machine) = (New(), new Machine(40_000, 3000, 0.5, 500));
        Learn(cost, machine, new(256, 256 * 128, 1), noise: 1);
        for (var step = 0; step < 10_000; step++) Learn(cost, machine, new(1, 200, 1), noise: 1);
        var prompt = new StepWork(128, 128 * 64, 1);
        cost.Predict(prompt).ShouldBe(machine.Microseconds(prompt), machine.Microseconds(prompt) * 0.3); // one prompt does not tell rows from keys
    }

    [Fact]
    public void After_decodes_alone_an_estimate_errs_upwards()
    {
        var (cost, machine) = (New(), new Machine(40_000, 3000, 0.5, 500));
        for (var step = 0; step < 100; step++) Learn(cost, machine, new(1, 200, 1), noise: 1);
        var prompt = new StepWork(64, 64 * 32, 1);
        cost.Predict(prompt).ShouldBeGreaterThanOrEqualTo(machine.Microseconds(prompt));
    }

    [Fact]
    public void A_machine_that_becomes_slower_is_noticed()
    {
        var (cost, machine) = (New(), new Machine(40_000, 3000, 0.5, 500));
        var work = new StepWork(8, 1600, 8);
        for (var step = 0; step < 100; step++) Learn(cost, machine, work, noise: 1);
        for (var step = 0; step < 100; step++) Learn(cost, machine, work, noise: 2.5);
        cost.Predict(work).ShouldBe(2.5 * machine.Microseconds(work), 0.05 * machine.Microseconds(work));
    }

    [Fact]
    public void The_first_step_which_pages_the_weights_in_does_not_count()
    {
        var cost = new StepCost();
        cost.Observe(new(1, 1, 1), 500_000);
        (cost.KnownRows, cost.Predict(new(1, 1, 1))).ShouldBe((0, 0));
        cost.Observe(new(1, 2, 1), 40_000);
        cost.Predict(new(1, 2, 1)).ShouldBe(40_000, 400);
    }

    [Fact]
    public void Of_the_first_two_of_a_size_the_quicker_counts()
    {
        var cost = New();
        cost.Observe(new(1, 2, 1), 800_000);
        cost.Observe(new(1, 3, 1), 40_000);
        cost.Predict(new(1, 3, 1)).ShouldBe(40_000, 400);
    }

    [Fact]
    public void Estimates_are_never_negative_and_rise_with_the_work() => Prop.ForAll<int>(seed =>
    {
        var random = new Random(seed);
        var cost = New();
        for (var step = 0; step < 40; step++) cost.Observe(Step(random), random.NextDouble() * 1e6); // no sense in it at all
        var work = Step(random);
        cost.Predict(default).ShouldBeGreaterThanOrEqualTo(0);
        cost.Predict(work.Plus(5, 3, 1)).ShouldBeGreaterThanOrEqualTo(cost.Predict(work));
        double.IsFinite(cost.Predict(work)).ShouldBeTrue();
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Steps_without_rows_or_time_teach_nothing()
    {
        var cost = New();
        cost.Observe(default, 100);
        cost.Observe(new(8, 8, 8), 0);
        cost.Observe(new(8, 8, 8), double.NaN);
        (cost.KnownRows, cost.Predict(new(8, 8, 8))).ShouldBe((0, 0));
    }

    [Fact]
    public void Keys_of_rows_are_counted_from_their_positions() =>
        default(StepWork).Plus(0, 4, 0).Plus(9, 1, 1).ShouldBe(new(5, 1 + 2 + 3 + 4 + 10, 1));

    /// <summary>One that has its first step, which never counts, behind it.</summary>
    internal static StepCost New()
    {
        var cost = new StepCost();
        cost.Observe(new(1, 1, 1), 1e6);
        return cost;
    }

    private static void Learn(StepCost cost, Machine machine, StepWork work, double noise) =>
        cost.Observe(work, noise * machine.Microseconds(work));

    /// <summary>A decode of some sequences, or a chunk of a prompt beside them.</summary>
    private static StepWork Step(Random random)
    {
        var work = default(StepWork);
        for (var sequence = random.Next(1, 16); sequence > 0; sequence--) work = work.Plus(random.Next(2000), 1, 1);
        return random.Next(3) > 0 ? work : work.Plus(random.Next(1000), random.Next(1, 500), 1);
    }

    private sealed record Machine(double Fixed, double Row, double Key, double LogitRow)
    {
        public static Machine Any(Random random) => new(
            50 * Math.Pow(1000, random.NextDouble()), 5 * Math.Pow(1000, random.NextDouble()), random.NextDouble(), 1000 * random.NextDouble());

        public double Microseconds(StepWork work) => Fixed + (Row * work.Rows) + (Key * work.Keys) + (LogitRow * work.LogitRows);
    }
}
