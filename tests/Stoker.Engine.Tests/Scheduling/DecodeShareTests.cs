using FsCheck;
using FsCheck.Fluent;
using Stoker.Engine.KvCache;
using Stoker.Engine.Scheduling;

namespace Stoker.Engine.Tests.Scheduling;

/// <summary>The planner's steps on a machine whose times are given: what running answers keep of their speed, and what the prompt gets.</summary>
public sealed class DecodeShareTests
{
    [Theory]
    [InlineData(0.25)]
    [InlineData(0.5)]
    [InlineData(0.8)]
    [InlineData(0.95)]
    public void Answers_keep_their_share_and_the_prompt_gets_the_rest(double share)
    {
        var world = new World(share, decodes: 8, Machine.Usual, Machine.Usual);
        world.Undisturbed(steps: 20);
        var seen = world.Prefill(prompt: 4096);
        seen.DecodeRate.ShouldBeInRange(share - 0.01, share + 0.03);
        seen.PromptShare.ShouldBeInRange(0.95 * (1 - share), 1.05 * (1 - share)); // of all time: nothing is wasted
    }

    [Fact]
    public void With_half_of_the_time_no_step_takes_much_longer_than_two_undisturbed_ones()
    {
        var world = new World(0.5, decodes: 8, Machine.Usual, Machine.Usual);
        world.Undisturbed(steps: 20);
        world.Prefill(prompt: 4096).LongestGap.ShouldBeInRange(1.7, 2.5);
    }

    [Fact]
    public void Decodes_first_means_that_a_gap_is_little_longer_than_an_undisturbed_one()
    {
        var world = new World(LongPromptOptions.DecodeFirst, decodes: 8, Machine.Usual, Machine.Usual);
        world.Undisturbed(steps: 20);
        world.Prefill(prompt: 2048).LongestGap.ShouldBeLessThan(2.0);
    }

    /// <summary>An estimate says what a chunk will take; what it did take is what counts.</summary>
    [Theory]
    [InlineData(0.5)]
    [InlineData(2)]
    public void The_share_is_kept_where_estimates_are_wrong(double error)
    {
        var believed = Machine.Usual with { Fixed = Machine.Usual.Fixed * error, Row = Machine.Usual.Row / error };
        var world = new World(0.5, decodes: 8, Machine.Usual, believed, learns: false);
        world.Undisturbed(steps: 20);
        var seen = world.Prefill(prompt: 4096);
        seen.DecodeRate.ShouldBeInRange(0.48, 0.54);
        seen.PromptShare.ShouldBeInRange(0.46, 0.52); // neither more nor less than its own
    }

    /// <summary>Reading the weights dominates: two tiles of prompt take as long as all answers, and still nobody stands still.</summary>
    [Theory]
    [InlineData(0.05)]
    [InlineData(0.5)]
    [InlineData(0.95)]
    public void Where_the_fewest_rows_take_longer_than_the_share_allows_answers_go_alone_in_between(double share)
    {
        var slow = new Machine(Fixed: 1_000, Row: 2_000, Key: 0);
        var world = new World(share, decodes: 1, slow, slow);
        world.Undisturbed(steps: 20);
        var seen = world.Prefill(prompt: 512);
        seen.DecodeRate.ShouldBeInRange(share - 0.02, share + 0.06);
        (seen.StepsAlone > 0).ShouldBe(share > 0.1);
    }

    [Fact]
    public void A_stall_of_the_machine_does_not_keep_the_prompt_waiting_for_ever()
    {
        var world = new World(0.5, decodes: 8, Machine.Usual, Machine.Usual);
        world.Undisturbed(steps: 20);
        world.Stall(milliseconds: 60_000);
        world.Undisturbed(steps: 20); // at the most sixteen of them pay for it
        world.Prefill(prompt: 1024).DecodeRate.ShouldBeInRange(0.48, 0.56);
    }

    [Fact]
    public void Without_answers_the_rows_alone_are_the_limit()
    {
        var world = new World(0.8, decodes: 0, Machine.Usual, Machine.Usual);
        world.Prefill(prompt: 4096).Steps.ShouldBe(4);
    }

    [Fact]
    public void Whatever_the_machine_and_the_answers_the_share_is_kept_and_the_prompt_gets_on() => Prop.ForAll(
        Gen.Choose(5, 95).ToArbitrary(), Gen.Choose(1, 24).ToArbitrary(), Gen.Choose(0, int.MaxValue).ToArbitrary(), (percent, decodes, seed) =>
        {
            var random = new Random(seed);
            var machine = new Machine(Between(random, 100, 50_000), Between(random, 20, 5_000), Between(random, 0.01, 1));
            var world = new World(percent / 100.0, decodes, machine, machine);
            world.Undisturbed(steps: 20);
            var seen = world.Prefill(prompt: 3000);
            var isBoundByRows = seen.Steps <= 6; // of 1,024: more than its time the prompt cannot use
            var holds = seen.DecodeRate > (percent / 100.0) - 0.05 && (isBoundByRows || seen.PromptShare > 0.75 * (1 - (percent / 100.0)));
            return holds.Label($"{machine}, {seen}");
        }).QuickCheckThrowOnFailure();

    private static double Between(Random random, double least, double most) => least * Math.Pow(most / least, random.NextDouble());

    /// <summary>What a step takes, microseconds.</summary>
    private sealed record Machine(double Fixed, double Row, double Key)
    {
        public static Machine Usual { get; } = new(10_000, 600, 0.05);

        public double Time(StepWork work) => Fixed + (Row * work.Rows) + (Key * work.Keys);
    }

    /// <param name="DecodeRate">Of the answers beside the prompt, by that undisturbed.</param>
    /// <param name="PromptShare">What the prompt's rows take by themselves, of all the time.</param>
    /// <param name="LongestGap">By an undisturbed step.</param>
    private sealed record Seen(int Steps, int StepsAlone, double DecodeRate, double PromptShare, double LongestGap);

    private sealed class World
    {
        private const int BlockSize = 16;
        private readonly BlockPool _pool = new(1);
        private readonly List<SequenceState> _running = [];
        private readonly StepPlan _plan = new();
        private readonly StepPlanner _planner;
        private readonly StepCost _cost = StepCostTests.New();
        private readonly Machine _machine;
        private readonly bool _learns;

        public World(double share, int decodes, Machine machine, Machine believed, bool learns = true)
        {
            (_machine, _learns) = (machine, learns);
            _planner = new(new(MaxSequences: 32, StepTokens: 1024, BlockSize) { DecodeShare = share }, _cost);
            for (var decode = 0; decode < decodes; decode++)
            {
                Add(prompt: 32, tokens: 100_000);
                (_running[^1].TokenCount, _running[^1].Computed) = (33, 32);
            }

            foreach (var rows in new[] { 1, 4, 16, 64, 256, 1024 })
            {
                foreach (var work in new StepWork[] { new(rows, rows, 1), new(rows, rows * 2000L, 1) }) _cost.Observe(work, believed.Time(work));
            }
        }

        public void Undisturbed(int steps)
        {
            for (var step = 0; step < steps; step++) Step();
        }

        public void Stall(double milliseconds) => Step(1000 * milliseconds);

        public Seen Prefill(int prompt)
        {
            Add(prompt, prompt + 1);
            var (sequence, decodes, elapsed, undisturbed, ofPrompt, alone, longest, steps) = (_running[^1], _running.Count - 1, 0.0, 0.0, 0.0, 0, 0.0, 0);
            for (; sequence.Computed < prompt; steps++)
            {
                steps.ShouldBeLessThan(100_000, "the prompt stands still");
                var before = sequence.Computed;
                var time = Step();
                var work = default(StepWork).Plus(before, sequence.Computed - before, 0);
                var without = time - (_machine.Row * work.Rows) - (_machine.Key * work.Keys);
                (elapsed, undisturbed, ofPrompt) = (elapsed + time, undisturbed + without, ofPrompt + time - without);
                if (work.Rows == 0) alone++;
                longest = Math.Max(longest, time / without);
            }

            // Every step gives each answer a token: its undisturbed time is what the tokens would have taken.
            return new(steps, alone, decodes == 0 ? 1 : undisturbed / elapsed, ofPrompt / elapsed, longest);
        }

        private double Step(double stall = 0)
        {
            _planner.Plan(_running, [], freeBlocks: 1_000_000, pool: null, _plan);
            var time = _machine.Time(_plan.Work) + stall;
            foreach (var rows in _plan.Rows)
            {
                rows.Sequence.Computed += rows.Count;
                if (rows.Sequence.Gap == 0) rows.Sequence.TokenCount++;
            }

            if (_learns && stall == 0) _cost.Observe(_plan.Work, time);
            _planner.Note(_plan, time);
            return time;
        }

        private void Add(int prompt, int tokens) =>
            _running.Add(new PlainSequence(_running.Count, _running.Count, prompt, tokens, new(_pool, 1)) { All = [] });
    }
}
