using Stoker.Engine.KvCache;
using Stoker.Engine.Scheduling;
using Stoker.Engine.Tests.Scheduling;

namespace Stoker.Engine.Tests.Speculation;

/// <summary>Blocks for drafts are lent: where they are short, drafts go, and nobody gives way.</summary>
public sealed class DraftBlocksTests
{
    [Theory]
    [InlineData(6)]
    [InlineData(9)]
    [InlineData(14)]
    public void As_many_are_preempted_with_drafts_as_without(int blocks)
    {
        var requests = Enumerable.Range(0, 12).Select(index => StepLoopTests.Ask(new string((char)('a' + index), 20), 60, seed: index) with
        {
            IgnoreEos = true,
            Sampling = new() { Seed = index, LogitBias = StepLoopTests.NoBroken },
        }).ToList();
        var drafter = new ScriptedDrafter(wrongEvery: 1);
        var plain = new LoopRig(blocks, stepTokens: 80);
        var states = requests.ConvertAll(plain.Submit);
        plain.Run();
        for (var index = 0; index < states.Count; index++) drafter.Know(index + 1, LoopRig.Result(states[index]));
        var rig = new LoopRig(blocks, stepTokens: 80, drafter: drafter);
        foreach (var request in requests) rig.Submit(request);
        rig.Run();
        rig.Statistics.Speculation.Drafted.ShouldBePositive();
        rig.Statistics.Preemptions.ShouldBe(plain.Statistics.Preemptions); // none of the drafts was right: all went on alike
        plain.Statistics.Preemptions.ShouldBePositive();
    }

    [Fact]
    public void After_a_step_no_block_is_held_that_has_no_computed_token()
    {
        var request = StepLoopTests.Ask(new string('a', 20), 60) with { IgnoreEos = true, Sampling = new() { Seed = 1, LogitBias = StepLoopTests.NoBroken } };
        var drafter = new ScriptedDrafter(wrongEvery: 3);
        drafter.Know(1, new LoopRig().Complete(request));
        var rig = new LoopRig(drafter: drafter);
        rig.Submit(request);
        var lent = 0;
        drafter.OnPropose = () => lent = Math.Max(lent, rig.Loop.Scheduler.Pool.UsedCount - Needed(rig.Loop.Scheduler.Running[0].TokenCount));
        while (rig.Loop.Step())
        {
            if (rig.Loop.Scheduler.Running.Count > 0) rig.Loop.Scheduler.Pool.UsedCount.ShouldBe(Needed(rig.Loop.Scheduler.Running[0].Computed));
        }
        lent.ShouldBe(1);
    }

    [Fact]
    public void While_a_sequence_waits_for_blocks_drafts_take_none()
    {
        var scheduler = new Engine.Scheduling.Scheduler(new BlockPool(4), new(MaxSequences: 4, StepTokens: 64, KvStore.BlockSize) { DraftRows = 16 });
        var running = New(0, 30);
        scheduler.Add(running);
        scheduler.Complete(scheduler.Begin());
        running.TokenCount++;
        scheduler.BlocksForDrafts().ShouldBe(3);
        scheduler.Add(New(1, 100)); // four blocks
        scheduler.BlocksForDrafts().ShouldBe(0);
        var spare = 0;
        scheduler.Lend(running, 4, ref spare).ShouldBe(1); // what its own block holds
        scheduler.Pool.UsedCount.ShouldBe(1);

        PlainSequence New(int arrival, int prompt) => new(arrival, arrival, prompt, 110, new(scheduler.Pool, 4));
    }

    [Fact]
    public void Drafts_without_a_block_are_left_out_of_the_plan()
    {
        var scheduler = new Engine.Scheduling.Scheduler(new BlockPool(2), new(MaxSequences: 4, StepTokens: 64, KvStore.BlockSize) { DraftRows = 16 });
        var first = new PlainSequence(0, 0, 30, 60, new(scheduler.Pool, 2));
        var second = new PlainSequence(1, 1, 5, 60, new(scheduler.Pool, 2));
        scheduler.Add(first);
        scheduler.Add(second);
        scheduler.Complete(scheduler.Begin());
        (first.TokenCount, second.TokenCount, first.Drafted, second.Drafted) = (31, 6, 4, 4);
        var plan = scheduler.Begin();
        plan.Preempt.ShouldBeEmpty();
        plan.Rows.Select(rows => (rows.Count, rows.Drafts, rows.Logits)).ShouldBe([(2, 1, WantedLogits.All), (5, 4, WantedLogits.All)]);
        (plan.DecodeRows, plan.Work.LogitRows).ShouldBe((7, 7));
        scheduler.Complete(plan);
        (first.Computed, second.Computed).ShouldBe((31, 6)); // drafts are not computed tokens
        scheduler.CheckIntegrity();
    }

    private static int Needed(int tokens) => (tokens + KvStore.BlockSize - 1) / KvStore.BlockSize;
}
