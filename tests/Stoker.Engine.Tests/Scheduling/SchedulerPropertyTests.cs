using FsCheck;
using FsCheck.Fluent;
using Stoker.Engine.KvCache;
using Stoker.Engine.Scheduling;

namespace Stoker.Engine.Tests.Scheduling;

/// <summary>Random submissions, steps, ends and cancellations on a cache that is much too small.</summary>
public sealed class SchedulerPropertyTests
{
    private static readonly StepLimits Limits = new(MaxSequences: 6, StepTokens: 12, BlockSize: 4, EchoRows: 3);

    [Fact]
    public void Whatever_happens_blocks_are_counted_and_all_come_back() => Prop.ForAll<byte[]>(operations =>
    {
        var world = new World();
        foreach (var operation in operations) world.Do(operation);
        return world.RunToTheEnd();
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Long_runs_end_too() => Prop.ForAll<int>(seed =>
    {
        var operations = new byte[600];
        new Random(seed).NextBytes(operations);
        var world = new World();
        foreach (var operation in operations) world.Do(operation);
        return world.RunToTheEnd();
    }).QuickCheckThrowOnFailure();

    private sealed class World
    {
        private const int Blocks = 10;
        private readonly Engine.Scheduling.Scheduler _scheduler = new(new BlockPool(Blocks), Limits);
        private long _arrival;
        private int _group;

        public void Do(byte operation)
        {
            if (operation < 50) Submit(prompt: 1 + (operation % 20), output: 1 + (operation % 17), choices: 1 + (operation % 3 / 2 * 2));
            else if (operation < 70) Cancel(operation);
            else Step();
            _scheduler.CheckIntegrity();
        }

        /// <summary>Everything ends, in no more steps than it has rows to compute, repetitions included.</summary>
        public bool RunToTheEnd()
        {
            var live = _scheduler.Running.Concat(_scheduler.Waiting).Sum(sequence => sequence.MaxTokenCount);
            var bound = (Limits.MaxPreemptions + 1) * live;
            for (var steps = 0; !_scheduler.IsEmpty; steps++)
            {
                if (steps > bound) return false;
                Step();
                _scheduler.CheckIntegrity();
            }
            return _scheduler.Pool.UsedCount == 0;
        }

        private void Submit(int prompt, int output, int choices)
        {
            _group++;
            for (var choice = 0; choice < choices; choice++)
            {
                var sequence =
                    new SequenceState(_arrival++, _group, prompt, prompt + output, new(_scheduler.Pool, Blocks));
                if (_group % 4 == 0) sequence.PromptLogitsFrom = prompt / 2;
                _scheduler.Add(sequence);
            }
        }

        private void Cancel(int which)
        {
            var all = _scheduler.Running.Concat(_scheduler.Waiting).ToList();
            if (all.Count > 0) _scheduler.Remove(all[which % all.Count]);
        }

        private void Step()
        {
            var waitingBefore = _scheduler.Waiting.ToList();
            var (alone, before) = (Plan(), Figures());
            Same(Plan(), alone);
            Figures().ShouldBe(before); // planning changes nothing
            var plan = _scheduler.Begin();
            Same(plan, alone);
            Check(plan, waitingBefore);
            Engine.Scheduling.Scheduler.Complete(plan);
            foreach (var rows in plan.Rows.ToList())
            {
                var sequence = rows.Sequence;
                if (sequence.Gap > 0) continue;
                sequence.PromptLogitsFrom = int.MaxValue;
                if (++sequence.TokenCount > sequence.MaxTokenCount) _scheduler.Remove(sequence);
            }
        }

        private StepPlan Plan()
        {
            var plan = new StepPlan();
            new StepPlanner(Limits).Plan([.. _scheduler.Running], [.. _scheduler.Waiting], _scheduler.Pool.FreeCount, plan);
            return plan;
        }

        private string Figures() => string.Join(' ', _scheduler.Running.Concat(_scheduler.Waiting).Select(sequence =>
            $"{sequence.Arrival}:{sequence.TokenCount}/{sequence.Computed}/{sequence.Table.Count}/{sequence.Preemptions}/{sequence.Reserved}"));

        private static void Same(StepPlan one, StepPlan other)
        {
            one.Preempt.ShouldBe(other.Preempt);
            one.Admit.ShouldBe(other.Admit);
            one.Rows.ShouldBe(other.Rows);
        }

        private static void Check(StepPlan plan, List<SequenceState> waitingBefore)
        {
            plan.RowCount.ShouldBe(plan.Rows.Sum(rows => rows.Count));
            plan.RowCount.ShouldBeLessThanOrEqualTo(Limits.StepTokens);
            (plan.RowCount > 0 || plan.Preempt.Count > 0 || waitingBefore.Count == 0).ShouldBeTrue("a step without work");
            LogitRows(plan).ShouldBeLessThanOrEqualTo(Limits.LogitRows);
            plan.Rows.Select(rows => rows.Sequence).Distinct().Count().ShouldBe(plan.Rows.Count);
            (plan.Preempt.Count == 0 || plan.Admit.Count == 0).ShouldBeTrue("admitted in a step that preempted");
            foreach (var rows in plan.Rows)
            {
                rows.Count.ShouldBePositive();
                rows.FirstPosition.ShouldBe(rows.Sequence.Computed);
                plan.Preempt.ShouldNotContain(rows.Sequence);
            }
        }

        private static int LogitRows(StepPlan plan) => plan.Rows.Sum(rows => rows.Logits switch
        {
            WantedLogits.All => rows.Count,
            WantedLogits.Last => 1,
            _ => 0,
        });
    }
}
