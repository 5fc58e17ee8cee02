using Stoker.Engine.Addons;
using Stoker.Engine.KvCache;
using Stoker.Engine.Tests.Addons;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Scheduling;

/// <summary>What a request finds of earlier ones, and what it must not find.</summary>
public sealed class PrefixReuseTests
{
    private const int Block = KvStore.BlockSize;
    private static readonly string Prompt = new('p', (2 * Block) + 5);

    [Fact]
    public void A_prompt_that_begins_like_an_earlier_one_begins_with_its_full_blocks()
    {
        var rig = new LoopRig();
        var first = rig.Complete(Ask(Prompt));
        var before = rig.Model.RowsComputed;
        var second = rig.Complete(Ask(Prompt + "other"));
        (first.Usage.CachedTokens, second.Usage.CachedTokens).ShouldBe((0, 2 * Block));
        (rig.Model.RowsComputed - before).ShouldBe(Prompt.Length + 5 - (2 * Block) + second.Usage.CompletionTokens - 1);
        var statistics = rig.Statistics;
        (statistics.PromptTokens, statistics.QueriedPromptTokens, statistics.CachedPromptTokens)
            .ShouldBe((2 * Prompt.Length + 5, 2 * Prompt.Length + 5, 2 * Block));
    }

    [Theory]
    [InlineData(2 * Block, Block)] // two full blocks: of the second the last token is wanted
    [InlineData((2 * Block) + 1, 2 * Block)]
    [InlineData(Block, 0)]
    [InlineData(1, 0)]
    public void The_last_token_of_a_prompt_is_always_computed(int length, int cached)
    {
        var rig = new LoopRig();
        var request = Ask(new string('p', length));
        var first = rig.Complete(request);
        var second = rig.Complete(request);
        second.Usage.CachedTokens.ShouldBe(cached);
        StepLoopTests.Same(second.Choices[0], first.Choices[0]);
    }

    [Fact]
    public void What_was_generated_is_found_when_it_comes_back_in_the_next_prompt()
    {
        var rig = new LoopRig();
        var turn = Ask("hello", maxTokens: 2 * Block) with { IgnoreEos = true };
        var answer = rig.Complete(turn).Choices[0].Tokens.Select(token => token.Id);
        var next = turn with { PromptTokens = [.. turn.PromptTokens, .. answer, .. FakeText.Ids("next")] };
        rig.Complete(next).Usage.CachedTokens.ShouldBe((turn.PromptTokens.Count + (2 * Block) - 1) / Block * Block);
        StepLoopTests.Same(rig.Complete(next).Choices[0], Off().Complete(next).Choices[0]);
    }

    [Fact]
    public void A_prompt_in_work_is_found_chunk_by_chunk()
    {
        var rig = new LoopRig(stepTokens: 8);
        var first = rig.Submit(Ask(Prompt));
        for (var row = 0; row < Block; row += 8) rig.Loop.Step();
        var second = rig.Submit(Ask(Prompt));
        rig.Run();
        LoopRig.Result(second).Usage.CachedTokens.ShouldBeGreaterThanOrEqualTo(Block);
        LoopRig.Result(first).Usage.CachedTokens.ShouldBe(0);
    }

    [Fact]
    public void Salts_do_not_see_each_other()
    {
        var rig = new LoopRig();
        var requests = new[] { Ask(Prompt), Ask(Prompt) with { CacheSalt = "a" }, Ask(Prompt) with { CacheSalt = "b" } };
        foreach (var request in requests) rig.Complete(request).Usage.CachedTokens.ShouldBe(0);
        foreach (var request in requests) rig.Complete(request).Usage.CachedTokens.ShouldBe(2 * Block);
    }

    [Fact]
    public void Addons_do_not_see_each_others_prefixes()
    {
        using var store = new AddonStore(RandomAddon.Spec(TestData.Model("story-3m")), new(2, 16), new() { MaxLoaded = 2, MaxRank = 16 }, TimeProvider.System);
        store.Allocate();
        string?[] addons = [null, store.Register(TestData.Model("story-3m-lora-zog")).Digest, store.Register(TestData.Model("story-3m-lora-bolt")).Digest];
        var rig = new LoopRig();
        foreach (var expected in new[] { 0, 2 * Block })
        {
            foreach (var salt in new[] { null, "a" })
            {
                foreach (var addon in addons)
                {
                    var state = rig.Submit(Ask(Prompt) with { CacheSalt = salt }, addon is null ? null : store.TryUse(addon));
                    rig.Run();
                    LoopRig.Result(state).Usage.CachedTokens.ShouldBe(expected);
                }
            }
        }
    }

    [Fact]
    public void An_echo_with_values_computes_the_rows_it_asks_for_and_only_those()
    {
        var rig = new LoopRig(model: new(contextLength: 512));
        var plain = Ask(Prompt);
        rig.Complete(plain);
        rig.Complete(plain with { Echo = true }).Usage.CachedTokens.ShouldBe(2 * Block);
        var values = plain with { Echo = true, Logprobs = 1 };
        var whole = rig.Complete(values);
        whole.Usage.CachedTokens.ShouldBe(0);
        StepLoopTests.Same(whole.Choices[0], Off().Complete(values).Choices[0]);
        var last = plain with { EchoLast = Block, Logprobs = 1 };
        var end = rig.Complete(last);
        end.Usage.CachedTokens.ShouldBe(Block);
        StepLoopTests.Same(end.Choices[0], Off().Complete(last).Choices[0]);
    }

    [Fact]
    public void Colliding_hashes_change_no_answer()
    {
        var rig = new LoopRig(hash: (_, _) => 7);
        var requests = "abcd".Select(letter => Ask(string.Concat(Enumerable.Repeat($"a{letter}", 2 * Block)))).ToList();
        foreach (var request in requests.Concat(requests))
        {
            StepLoopTests.Same(rig.Complete(request).Choices[0], Off().Complete(request).Choices[0]);
        }
        rig.Statistics.CachedPromptTokens.ShouldBe(4 * 3 * Block); // each found its own, and no other
    }

    [Fact]
    public void What_a_failed_request_computed_is_not_used_again()
    {
        var rig = new LoopRig(model: new() { PoisonToken = 25 });
        var prompt = Prompt + "z"; // after it every logit is NaN
        rig.Complete(Ask(prompt)).Choices[0].Finish.ShouldBe(FinishReason.Error);
        rig.Complete(Ask(Prompt)).Usage.CachedTokens.ShouldBe(0);
    }

    [Fact]
    public void What_a_failed_request_had_found_is_computed_anew_because_it_may_be_the_cause()
    {
        var rig = new LoopRig(model: new() { PoisonToken = 25 });
        rig.Complete(Ask(Prompt));
        var failed = rig.Complete(Ask(Prompt + "z"));
        (failed.Choices[0].Finish, failed.Usage.CachedTokens).ShouldBe((FinishReason.Error, 2 * Block));
        rig.Complete(Ask(Prompt)).Usage.CachedTokens.ShouldBe(0);
        rig.Complete(Ask(Prompt)).Usage.CachedTokens.ShouldBe(2 * Block);
    }

    [Fact]
    public void What_a_failed_forward_pass_may_have_written_is_not_used_again()
    {
        var rig = new LoopRig(stepTokens: Block);
        rig.Submit(Ask(Prompt));
        rig.Loop.Step();
        rig.Model.OnForward = _ => throw new DivideByZeroException("a kernel's bug");
        rig.Loop.Step();
        rig.Model.OnForward = null;
        rig.Loop.Scheduler.CheckIntegrity();
        rig.Loop.Scheduler.Pool.FindableCount.ShouldBe(0);
    }

    [Fact]
    public void After_a_fault_of_the_loop_itself_nothing_is_used_again()
    {
        var rig = new LoopRig();
        rig.Complete(Ask(Prompt));
        rig.Loop.Scheduler.Pool.FindableCount.ShouldBePositive();
        rig.Loop.EndAll(FinishReason.Error, new EngineFaultException("a bug"));
        rig.Loop.Scheduler.Pool.FindableCount.ShouldBe(0);
    }

    [Fact]
    public void A_cancelled_request_leaves_what_it_computed()
    {
        var rig = new LoopRig();
        var state = rig.Submit(Ask(Prompt, maxTokens: 100) with { IgnoreEos = true });
        for (var step = 0; step < 3; step++) rig.Loop.Step();
        rig.Loop.Cancel(state);
        rig.Complete(Ask(Prompt)).Usage.CachedTokens.ShouldBe(2 * Block);
    }

    [Fact]
    public void A_preempted_sequence_finds_its_own_blocks_again()
    {
        var (with, without) = (Crowd(new()), Crowd(new() { PrefixCache = false }));
        with.Rig.Statistics.Preemptions.ShouldBePositive();
        for (var index = 0; index < with.Results.Count; index++)
        {
            StepLoopTests.Same(with.Results[index].Choices[0], without.Results[index].Choices[0]);
            with.Results[index].Usage.CachedTokens.ShouldBe(0); // its own are no savings
        }
        with.Rig.Model.RowsComputed.ShouldBeLessThan(without.Rig.Model.RowsComputed);

        static (LoopRig Rig, List<GenerationResult> Results) Crowd(EngineOptions options)
        {
            var rig = new LoopRig(blocks: 9, options: options);
            var requests = Enumerable.Range(0, 6).Select(index => Ask(new string((char)('a' + index), Block + 3), maxTokens: 3 * Block, seed: index) with
            {
                IgnoreEos = true,
            });
            var states = requests.Select(rig.Submit).ToList();
            rig.Run();
            return (rig, [.. states.Select(LoopRig.Result)]);
        }
    }

    [Fact]
    public void Choices_that_run_one_after_the_other_compute_their_prompt_once()
    {
        var rig = new LoopRig(maxSequences: 1);
        var result = rig.Complete(Ask(Prompt) with { Choices = 3 });
        result.Usage.CachedTokens.ShouldBe(0); // no earlier request's
        rig.Model.RowsComputed.ShouldBeLessThan(2 * Prompt.Length + result.Usage.CompletionTokens);
        rig.Complete(Ask(Prompt) with { Choices = 3 }).Usage.CachedTokens.ShouldBe(2 * Block); // once, not for each choice
    }

    [Fact]
    public void Two_that_begin_together_share_what_is_found_and_need_room_for_it_once()
    {
        var rig = new LoopRig(blocks: 4);
        rig.Complete(Ask(new('p', (2 * Block) + 1), maxTokens: 1));
        var states = "xy".Select(end => rig.Submit(Ask(new string('p', 2 * Block) + end, maxTokens: 1))).ToList();
        rig.Loop.Step(); // two blocks that were found, and one of each
        states.ShouldAllBe(state => state.IsEnded);
        foreach (var state in states) LoopRig.Result(state).Usage.CachedTokens.ShouldBe(2 * Block);
    }

    [Fact]
    public void What_is_not_used_for_longest_goes_first()
    {
        var rig = new LoopRig(blocks: 8);
        foreach (var letter in "abacd") Complete(letter); // two full blocks of each: d takes one from b, its tail
        Complete('a').ShouldBe(2 * Block);
        Complete('c').ShouldBe(2 * Block);
        Complete('b').ShouldBe(Block);

        int Complete(char letter) => rig.Complete(Ask(new(letter, (2 * Block) + 1), maxTokens: 1)).Usage.CachedTokens;
    }

    [Fact]
    public void Switched_off_nothing_is_found_or_counted_as_looked_for()
    {
        var rig = Off();
        rig.Complete(Ask(Prompt));
        rig.Complete(Ask(Prompt)).Usage.CachedTokens.ShouldBe(0);
        (rig.Statistics.QueriedPromptTokens, rig.Statistics.CachedPromptTokens).ShouldBe((0, 0));
    }

    private static LoopRig Off() => new(options: new() { PrefixCache = false });

    private static GenerationRequest Ask(string prompt, int maxTokens = 6, long seed = 1) => new()
    {
        PromptTokens = FakeText.Ids(prompt),
        MaxTokens = maxTokens,
        Sampling = new() { Seed = seed, LogitBias = NoFault },
    };

    // Answers without the tokens that break detokenising or the model.
    private static readonly Dictionary<int, double> NoFault = new() { [FakeText.Broken] = -100, [25] = -100 };
}
