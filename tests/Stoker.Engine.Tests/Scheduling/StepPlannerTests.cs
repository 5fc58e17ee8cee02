using Stoker.Engine.KvCache;
using Stoker.Engine.Scheduling;

namespace Stoker.Engine.Tests.Scheduling;

public sealed class StepPlannerTests
{
    private readonly BlockPool _pool = new(1000);
    private readonly List<SequenceState> _running = [];
    private readonly List<SequenceState> _waiting = [];
    private long _arrival;

    [Fact]
    public void Decodes_come_before_prefill_and_prefill_takes_the_rest()
    {
        Running(prompt: 100, computed: 10);
        Running(prompt: 5, computed: 5, output: 1);
        Running(prompt: 5, computed: 5, output: 1);
        Rows(Plan()).ShouldBe([(1, 5, 1), (2, 5, 1), (0, 10, 14)]);
    }

    [Fact]
    public void A_prompt_is_cut_into_chunks_and_only_the_last_one_has_logits()
    {
        var sequence = Running(prompt: 20, computed: 0);
        Plan().Rows.Single().ShouldBe(new(sequence, 0, 16, WantedLogits.None));
        sequence.Computed = 16;
        Plan().Rows.Single().ShouldBe(new(sequence, 16, 4, WantedLogits.Last));
    }

    [Fact]
    public void Waiting_sequences_join_in_order_with_the_rows_that_are_left()
    {
        Running(prompt: 5, computed: 5, output: 1);
        Waiting(prompt: 6);
        Waiting(prompt: 20);
        Waiting(prompt: 3);
        var plan = Plan();
        Rows(plan).ShouldBe([(0, 5, 1), (1, 0, 6), (2, 0, 9)]);
        plan.Admit.Select(admission => admission.Blocks).ShouldBe([1, 2]);
    }

    [Fact]
    public void A_prompt_that_does_not_fit_whole_waits_and_so_do_those_behind_it()
    {
        Waiting(prompt: 40);
        Waiting(prompt: 3);
        Plan(free: 2).Admit.ShouldBeEmpty();
        Plan(free: 3).Admit.Count.ShouldBe(1);
    }

    [Fact]
    public void No_more_sequences_run_than_may()
    {
        for (var count = 0; count < 6; count++) Waiting(prompt: 1);
        Plan().Admit.Count.ShouldBe(4);
    }

    [Fact]
    public void The_newest_makes_room_and_nothing_is_admitted_in_that_step()
    {
        var oldest = Running(prompt: 16, computed: 16, output: 1);
        Running(prompt: 5, computed: 5, output: 1);
        var newest = Running(prompt: 5, computed: 5, output: 1);
        Waiting(prompt: 1);
        var plan = Plan(free: 0);
        plan.Preempt.ShouldBe([newest]);
        plan.Admit.ShouldBeEmpty();
        Rows(plan).ShouldBe([(oldest.Arrival, 16, 1), (1, 5, 1)]);
    }

    [Fact]
    public void The_newest_preempts_itself_when_it_is_the_one_that_grows()
    {
        Running(prompt: 5, computed: 5, output: 1);
        var newest = Running(prompt: 16, computed: 16, output: 1);
        var plan = Plan(free: 0);
        plan.Preempt.ShouldBe([newest]);
        Rows(plan).ShouldBe([(0, 5, 1)]);
    }

    [Fact]
    public void A_sequence_preempted_often_enough_gets_all_its_blocks_and_is_left_alone()
    {
        var tired = Waiting(prompt: 10, max: 60);
        tired.Preemptions = 3;
        Plan(free: 3).Admit.ShouldBeEmpty();
        Plan(free: 4).Admit.Single().ShouldSatisfyAllConditions(
            admission => admission.Reserve.ShouldBeTrue(), admission => admission.Blocks.ShouldBe(4));

        _waiting.Clear();
        var grows = Running(prompt: 16, computed: 16, output: 1);
        var reserved = Running(prompt: 5, computed: 5, output: 1);
        reserved.Reserved = true;
        var plan = Plan(free: 0);
        plan.Preempt.ShouldBe([grows]);
        Rows(plan).ShouldBe([(reserved.Arrival, 5, 1)]);
    }

    [Fact]
    public void A_choice_waits_for_its_sibling_and_begins_with_its_blocks_in_the_step_that_completes_the_prompt()
    {
        var leader = Running(prompt: 35, computed: 0, group: 7);
        Waiting(prompt: 35, group: 7);
        var stranger = Waiting(prompt: 2);
        Plan().Admit.ShouldBeEmpty(); // no rows left
        leader.PromptLogitsFrom = 0; // echo rows are few, so the leader leaves rows to others
        Plan().Admit.Single().Sequence.ShouldBe(stranger);
        (leader.Computed, leader.PromptLogitsFrom) = (32, int.MaxValue);
        var plan = Plan();
        plan.Admit[0].ShouldSatisfyAllConditions(
            admission => admission.ShareFrom.ShouldBe(leader),
            admission => admission.SharedBlocks.ShouldBe(2),
            admission => admission.Blocks.ShouldBe(3));
        Rows(plan).ShouldBe([(0, 32, 3), (1, 32, 3), (2, 0, 2)]);
    }

    [Fact]
    public void The_last_prompt_token_is_computed_even_when_its_block_could_be_shared()
    {
        Running(prompt: 32, computed: 32, output: 1, group: 7);
        Waiting(prompt: 32, group: 7);
        Rows(Plan()).ShouldBe([(0, 32, 1), (1, 16, 15)]);
        Plan().Admit.Single().SharedBlocks.ShouldBe(1);
    }

    [Fact]
    public void Prompt_rows_with_logits_come_in_small_chunks_and_those_before_without()
    {
        var sequence = Running(prompt: 12, computed: 0);
        sequence.PromptLogitsFrom = 5;
        Plan().Rows.Single().ShouldBe(new(sequence, 0, 5, WantedLogits.None));
        sequence.Computed = 5;
        Plan().Rows.Single().ShouldBe(new(sequence, 5, 4, WantedLogits.All));
        sequence.Computed = 9;
        Plan().Rows.Single().ShouldBe(new(sequence, 9, 3, WantedLogits.All));
    }

    [Fact]
    public void A_prompt_beside_decodes_takes_the_rows_that_the_step_has_time_for()
    {
        Running(prompt: 5, computed: 5, output: 1);
        Running(prompt: 1000, computed: 0);
        // 10 ms of reading weights, 0.5 ms a row, of which one is the decode's: 80 rows, cut to whole tiles of 8.
        Rows(PlanInTime(milliseconds: 50)).ShouldBe([(0, 5, 1), (1, 0, 79)]);
        Rows(PlanInTime(milliseconds: 30)).ShouldBe([(0, 5, 1), (1, 0, 39)]);
        Rows(PlanInTime(milliseconds: 0)).ShouldBe([(0, 5, 1), (1, 0, 511)]); // no limit
    }

    [Fact]
    public void Without_decodes_the_rows_alone_are_the_limit()
    {
        Running(prompt: 1000, computed: 0);
        Waiting(prompt: 1000);
        Rows(PlanInTime(milliseconds: 50)).ShouldBe([(0, 0, 512)]);
    }

    [Fact]
    public void Where_decodes_alone_take_the_time_prompts_get_as_much_again()
    {
        for (var stream = 0; stream < 3; stream++) Running(prompt: 5, computed: 5, output: 1);
        Running(prompt: 1000, computed: 0);
        var slow = Learned(slower: 12); // 120 ms and 6 ms a row: the decodes alone are estimated at 138 ms, twice that is 26 rows
        var rows = Rows(PlanInTime(milliseconds: 100, slow));
        rows[..3].ShouldBe([(0, 5, 1), (1, 5, 1), (2, 5, 1)]);
        rows[3].ShouldBe((3, 0, 21)); // 24 in all: a whole tile
        Rows(PlanInTime(milliseconds: 1, slow)).ShouldBe(rows); // the limit has no say any more
        Rows(PlanInTime(milliseconds: 360, slow))[3].ShouldBe((3, 0, 37)); // until it is more: 40 rows
    }

    [Fact]
    public void However_short_the_time_a_prompt_gets_on_by_two_tiles_and_no_second_one_joins()
    {
        Running(prompt: 5, computed: 5, output: 1);
        Running(prompt: 1000, computed: 0);
        Waiting(prompt: 1000);
        var plan = PlanInTime(milliseconds: 1);
        Rows(plan).ShouldBe([(0, 5, 1), (1, 0, 16)]);
        plan.Admit.ShouldBeEmpty();
    }

    [Fact]
    public void What_one_short_prompt_leaves_of_the_time_the_next_one_takes()
    {
        Running(prompt: 5, computed: 5, output: 1);
        Waiting(prompt: 20);
        Waiting(prompt: 30);
        Waiting(prompt: 30);
        var plan = PlanInTime(milliseconds: 30);
        Rows(plan).ShouldBe([(0, 5, 1), (1, 0, 20), (2, 0, 19)]);
        plan.Admit.Count.ShouldBe(2);
    }

    [Fact]
    public void A_request_that_the_time_has_no_row_for_waits_and_so_do_its_other_choices()
    {
        Running(prompt: 5, computed: 5, output: 1);
        Waiting(prompt: 32);
        Waiting(prompt: 30, group: 7);
        Waiting(prompt: 30, group: 7);
        // There is time for two rows more, but they would leave a tile nearly empty.
        var plan = PlanInTime(milliseconds: 27.6);
        Rows(plan).ShouldBe([(0, 5, 1), (1, 0, 32)]);
        plan.Admit.Count.ShouldBe(1);
    }

    [Fact]
    public void A_step_far_larger_than_all_before_is_not_trusted_to_its_estimate()
    {
        Running(prompt: 5, computed: 5, output: 1);
        Running(prompt: 1000, computed: 0);
        var cost = StepCostTests.New();
        for (var step = 0; step < 5; step++) cost.Observe(new(10, 100, 1), 10); // so quick that 1,000 rows seem to take no time
        Rows(PlanInTime(milliseconds: 50, cost)).ShouldBe([(0, 5, 1), (1, 0, 39)]);
        Rows(PlanInTime(milliseconds: 50, new())).ShouldBe([(0, 5, 1), (1, 0, 16)]); // nothing is known
    }

    [Fact]
    public void Beside_others_a_prompt_leaves_cached_prefixes_their_part_of_the_blocks_and_alone_it_may_take_all()
    {
        var pool = Cached(blocks: 10, cached: 4, token: 1);
        var limits = new StepLimits(MaxSequences: 4, StepTokens: 512, BlockSize: 16) { PrefixShare = 0.3 };
        Waiting(prompt: 8 * 16);
        Admitted().ShouldBe(1); // alone: all there are
        Running(prompt: 5, computed: 5, output: 1);
        Admitted().ShouldBe(0); // 10 are free, 3 of those with prefixes are left alone
        _waiting.Clear();
        Waiting(prompt: 7 * 16);
        Admitted().ShouldBe(1);
        limits = limits with { PrefixShare = 0.9 };
        Admitted().ShouldBe(0); // 4 are cached, and all of them stay
        _waiting.Clear();
        Waiting(prompt: 6 * 16);
        Admitted().ShouldBe(1);
        pool = new(10, new(10, 16)); // nothing is cached, so nothing is set aside
        _waiting.Clear();
        Waiting(prompt: 10 * 16);
        Admitted().ShouldBe(1);

        int Admitted()
        {
            var plan = new StepPlan();
            new StepPlanner(limits).Plan(_running, _waiting, pool.FreeCount, pool, plan);
            return plan.Admit.Count;
        }
    }

    [Fact]
    public void Prefixes_that_a_prompt_begins_with_itself_are_not_in_its_way()
    {
        var pool = Cached(blocks: 10, cached: 4, token: 0);
        Running(prompt: 5, computed: 5, output: 1);
        Waiting(prompt: 10 * 16); // its first four blocks are there: tokens are all zero
        var plan = new StepPlan();
        new StepPlanner(new(MaxSequences: 4, StepTokens: 512, BlockSize: 16) { PrefixShare = 0.9 }).Plan(_running, _waiting, pool.FreeCount, pool, plan);
        plan.Admit.Single().SharedBlocks.ShouldBe(4);
    }

    /// <summary>Free blocks, of which some hold the beginning of a text of this token.</summary>
    private static BlockPool Cached(int blocks, int cached, int token)
    {
        var pool = new BlockPool(blocks, new(blocks, 16));
        int[] taken = [.. Enumerable.Range(0, cached).Select(_ => pool.Take())];
        for (var index = 0; index < cached; index++) pool.Publish(taken[index], index == 0 ? PrefixCache.None : taken[index - 1], PrefixSpace.Common, [.. Enumerable.Repeat(token, 16)]);
        foreach (var block in taken) pool.Release(block);
        return pool;
    }

    private StepPlan PlanInTime(double milliseconds, StepCost? cost = null)
    {
        var plan = new StepPlan();
        var limits = new StepLimits(MaxSequences: 4, StepTokens: 512, BlockSize: 16, EchoRows: 4) { StepMicroseconds = milliseconds * 1000 };
        new StepPlanner(limits, cost ?? Learned()).Plan(_running, _waiting, 50_000, pool: null, plan);
        return plan;
    }

    /// <summary>10 ms a step and 0.5 ms a row, or so many times as much.</summary>
    private static StepCost Learned(int slower = 1)
    {
        var cost = StepCostTests.New();
        foreach (var rows in new[] { 1, 4, 16, 64, 256, 512 })
        {
            cost.Observe(new(rows, rows, 1), slower * (10_000 + (500 * rows)));
            cost.Observe(new(rows, rows * 100, rows), slower * (10_000 + (500 * rows)));
        }
        return cost;
    }

    private PlainSequence Running(int prompt, int computed, int output = 0, int? group = null)
    {
        var sequence = New(prompt, prompt + 50, group);
        (sequence.TokenCount, sequence.Computed) = (prompt + output, computed);
        sequence.Table.GrowTo((prompt + 15) / 16);
        _running.Add(sequence);
        return sequence;
    }

    private PlainSequence Waiting(int prompt, int max = 0, int? group = null)
    {
        var sequence = New(prompt, Math.Max(max, prompt), group);
        _waiting.Add(sequence);
        return sequence;
    }

    private PlainSequence New(int prompt, int max, int? group) =>
        new(_arrival++, group ?? 1000 + (int)_arrival, prompt, max, new(_pool, 80));

    private StepPlan Plan(int free = 50, int stepTokens = 16)
    {
        var plan = new StepPlan();
        new StepPlanner(new(MaxSequences: 4, stepTokens, BlockSize: 16, EchoRows: 4)).Plan(_running, _waiting, free, pool: null, plan);
        plan.RowCount.ShouldBeLessThanOrEqualTo(stepTokens);
        return plan;
    }

    private static List<(long, int, int)> Rows(StepPlan plan) =>
        [.. plan.Rows.Select(rows => (rows.Sequence.Arrival, rows.FirstPosition, rows.Count))];
}
