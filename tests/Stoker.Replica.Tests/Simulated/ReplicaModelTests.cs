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
