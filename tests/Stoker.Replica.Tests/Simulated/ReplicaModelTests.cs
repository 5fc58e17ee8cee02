using FsCheck;
using FsCheck.Fluent;
using Stoker.Replica.Simulated;

namespace Stoker.Replica.Tests.Simulated;

public sealed class ReplicaModelTests
{
    // 100 tokens a second of prefill, 10 of decode: times come out round.
    private static readonly ReplicaModelOptions Options =
        new() { PrefillTokensPerSecond = 100, DecodeTokensPerSecond = 10, Slots = 2, PrefixCacheTokens = 0 };

    [Fact]
    public void The_first_token_comes_after_the_prefill_and_the_others_at_the_decode_rate()
    {
        var model = new ReplicaModel(Options);
        model.Submit(TimeSpan.Zero, Prompt(50), 3);
        Times(model).ShouldBe([(1, 0.5, false), (1, 0.6, false), (1, 0.7, true)]);
        model.Running.ShouldBe(0);
        model.NextAt.ShouldBeNull();
    }

    [Fact]
    public void Tokens_that_come_with_the_one_before_take_no_time_of_their_own()
    {
        var model = new ReplicaModel(Options);
        model.Submit(TimeSpan.Zero, Prompt(50), 5, comesWithPrevious: index => index is 2 or 3);
        Times(model).ShouldBe([(1, 0.5, false), (1, 0.6, false), (1, 0.6, false), (1, 0.6, false), (1, 0.7, true)]);
    }

    [Fact]
    public void Prefills_follow_each_other_and_a_third_sequence_waits_for_a_slot()
    {
        var model = new ReplicaModel(Options);
        for (var index = 0; index < 3; index++) model.Submit(TimeSpan.Zero, Prompt(100), 1);
        (model.Running, model.Waiting).ShouldBe((2, 1));
        Times(model).ShouldBe([(1, 1, true), (2, 2, true), (3, 3, true)]);
    }

    [Fact]
    public void A_prefix_that_is_held_is_not_computed_again_but_the_last_token_always_is()
    {
        var model = new ReplicaModel(Options with { PrefixCacheTokens = 1024 });
        model.Submit(TimeSpan.Zero, Prompt(160), 1);
        Drain(model);
        model.Submit(TimeSpan.FromSeconds(10), Prompt(160), 1);
        model.TryAdvance(TimeSpan.MaxValue, out var same).ShouldBeTrue();
        (same.At.TotalSeconds, same.Cached).ShouldBe((10.01, 159)); // 160 are held, one is computed
        model.Submit(TimeSpan.FromSeconds(20), [.. Prompt(80), .. Prompt(80).Reverse()], 1);
        model.TryAdvance(TimeSpan.MaxValue, out var half).ShouldBeTrue();
        (half.At.TotalSeconds, half.Cached).ShouldBe((20.8, 80));
    }

    [Fact]
    public void Cancelling_frees_slot_and_prefill_at_once()
    {
        var model = new ReplicaModel(Options with { Slots = 1 });
        var first = model.Submit(TimeSpan.Zero, Prompt(100), 5);
        model.Submit(TimeSpan.Zero, Prompt(10), 1);
        model.Cancel(TimeSpan.FromSeconds(0.5), first);
        Times(model).ShouldBe([(2, 0.6, true)]);
        model.Cancel(TimeSpan.FromSeconds(1), first); // again: nothing
        model.Running.ShouldBe(0);
    }

    [Fact]
    public void Prompts_may_be_computed_at_once_and_every_request_may_cost_something_before()
    {
        var model = new ReplicaModel(Options with { PrefillsAtOnce = 2, RequestOverhead = TimeSpan.FromSeconds(0.25) });
        for (var index = 0; index < 3; index++) model.Submit(TimeSpan.Zero, Prompt(100), 1);
        Times(model).ShouldBe([(1, 1.25, true), (2, 1.25, true), (3, 2.5, true)]);

        var cancelled = model.Submit(TimeSpan.FromSeconds(10), Prompt(100), 1);
        model.Submit(TimeSpan.FromSeconds(10), Prompt(100), 1);
        model.Submit(TimeSpan.FromSeconds(10), Prompt(100), 1);
        model.Cancel(TimeSpan.FromSeconds(10.5), cancelled);
        Times(model).ShouldBe([(5, 11.25, true), (6, 11.75, true)]); // the cancelled one's prefill went on with the next
    }

    [Fact]
    public void Without_the_tokens_between_an_answer_is_its_first_and_its_last()
    {
        var model = new ReplicaModel(Options with { EveryToken = false });
        model.Submit(TimeSpan.Zero, Prompt(50), 11);
        model.Submit(TimeSpan.Zero, Prompt(50), 1);
        Times(model).ShouldBe([(1, 0.5, false), (2, 1, true), (1, 1.5, true)]);
        model.Generated.ShouldBe(12);
    }

    [Fact]
    public void Keys_stand_for_a_prompt_of_blocks_of_any_size()
    {
        var model = new ReplicaModel(Options with { PrefixCacheTokens = 1000, PrefixBlockTokens = 100 });
        model.Submit(TimeSpan.Zero, 250, [1, 2], 1);
        Drain(model);
        model.Submit(TimeSpan.FromSeconds(10), 300, [1, 3, 4], 1);
        model.TryAdvance(TimeSpan.MaxValue, out var half).ShouldBeTrue();
        (half.At.TotalSeconds, half.Cached).ShouldBe((12, 100));
    }

    [Fact]
    public void Faults_come_after_their_number_of_tokens()
    {
        var crashing = new ReplicaModel(Options with { CrashAfterTokens = 2 });
        crashing.Submit(TimeSpan.Zero, Prompt(1), 5);
        Drain(crashing).Select(it => it.Step).ShouldBe([ReplicaModelStep.Token, ReplicaModelStep.Token, ReplicaModelStep.Crash]);
        var hanging = new ReplicaModel(Options with { HangAfterTokens = 2 });
        hanging.Submit(TimeSpan.Zero, Prompt(1), 5);
        Drain(hanging).Count.ShouldBe(2);
        (hanging.Hung, hanging.NextAt, hanging.Running).ShouldBe((true, null, 1));
    }

    [Fact]
    public void Whatever_is_submitted_and_cancelled_time_never_goes_back_slots_are_kept_and_all_ends() =>
        Prop.ForAll<(byte Prompt, byte Tokens, byte Gap, bool Cancel)[]>(
            ArbMap.Default.ArbFor<(byte, byte, byte, bool)[]>(),
            calls =>
            {
                var model = new ReplicaModel(Options with { PrefixCacheTokens = 64 });
                var (now, last, expected, seen) = (TimeSpan.Zero, TimeSpan.Zero, 0, 0);
                foreach (var call in calls)
                {
                    now += TimeSpan.FromMilliseconds(call.Gap * 10);
                    while (model.TryAdvance(now, out var due)) Check(due);
                    var id = model.Submit(now, Prompt(1 + call.Prompt), 1 + call.Tokens % 8);
                    if (call.Cancel) model.Cancel(now, id);
                    else expected += 1 + call.Tokens % 8;
                    model.Running.ShouldBeLessThanOrEqualTo(Options.Slots);
                }

                while (model.TryAdvance(TimeSpan.MaxValue, out var due)) Check(due);
                seen.ShouldBe(expected);
                (model.Running, model.Waiting).ShouldBe((0, 0));

                void Check(ReplicaModelEvent due)
                {
                    due.At.ShouldBeGreaterThanOrEqualTo(last);
                    last = due.At;
                    seen++;
                }
            }).QuickCheckThrowOnFailure();

    private static int[] Prompt(int length) => [.. Enumerable.Range(0, length)];

    private static List<ReplicaModelEvent> Drain(ReplicaModel model)
    {
        var events = new List<ReplicaModelEvent>();
        while (model.TryAdvance(TimeSpan.MaxValue, out var happened)) events.Add(happened);
        return events;
    }

    private static IEnumerable<(int, double, bool)> Times(ReplicaModel model) =>
        Drain(model).Select(it => (it.Sequence, Math.Round(it.At.TotalSeconds, 6), it.Last));
}
