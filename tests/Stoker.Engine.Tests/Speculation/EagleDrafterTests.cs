using Stoker.Engine.Scheduling;
using Stoker.Engine.Tests.Scheduling;

namespace Stoker.Engine.Tests.Speculation;

/// <summary>
/// A draft depends on all keys and values of the head for its text. So as long as what is drafted behind a text is what is drafted when the sequence is
/// alone, those are right.
/// </summary>
public sealed class EagleDrafterTests
{
    [Theory]
    [InlineData(8, 200, 200)]
    [InlineData(8, 40, 200)] // prompts in pieces
    [InlineData(3, 20, 200)]
    [InlineData(6, 100, 14)] // preemption all the time
    public void What_is_drafted_is_what_is_drafted_alone_whatever_happens(int maxSequences, int stepTokens, int blocks)
    {
        using var alone = new EagleRig(maxSequences: 1, stepTokens: 400);
        using var together = new EagleRig(blocks, maxSequences, stepTokens);
        List<GenerationRequest> requests = [.. Enumerable.Range(0, 20).Select(Random)];
        var expected = alone.Complete(requests);
        var results = together.Complete(requests);
        for (var index = 0; index < requests.Count; index++) Same(results[index], expected[index]);
        ShouldAgree(together, alone, atLeast: 100);
        if (blocks < 20) together.Statistics.Preemptions.ShouldBePositive();
    }

    [Fact]
    public void After_a_pause_it_drafts_as_if_there_had_been_none()
    {
        using var alone = new EagleRig();
        using var paused = new EagleRig(stepTokens: 24); // what it can remember
        List<GenerationRequest> requests = [.. Enumerable.Range(0, 3).Select(index => Random(index) with { MaxTokens = 120 })];
        alone.Complete(requests);
        foreach (var request in requests) paused.Submit(request);
        for (var step = 0; paused.Loop.Step(); step++) paused.IsPaused = step % 60 is > 5 and < 55;
        ShouldAgree(paused, alone, atLeast: 20);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void In_a_long_pause_it_computes_nothing_for_an_answer_and_then_drafts_again(bool sleeps)
    {
        using var plain = new EagleRig();
        using var paused = new EagleRig(stepTokens: 24) { IsPaused = true, Sleeps = sleeps };
        var request = Random(1) with { PromptTokens = Text(40, 3), MaxTokens = 200 };
        var state = paused.Submit(request);
        for (var step = 0; step < 100; step++) paused.Loop.Step();
        var drafted = ((Sequence)paused.Loop.Scheduler.Running[0]).Drafts.Drafted;
        if (sleeps) drafted.ShouldBeLessThanOrEqualTo(40);
        else drafted.ShouldBeGreaterThan(80);
        (paused.IsPaused, paused.Sleeps) = (false, false);
        while (paused.Loop.Step()) paused.Loop.Scheduler.CheckIntegrity();
        Same(LoopRig.Result(state), plain.Complete(request).Single());
        paused.Statistics.Speculation.Accepted.ShouldBePositive();
    }

    [Fact]
    public void After_three_faults_the_target_keeps_no_states_for_it()
    {
        using var plain = new EagleRig();
        using var faulty = new EagleRig { OnComputed = () => throw new DivideByZeroException("a head's bug") };
        faulty.HasStates.ShouldBeFalse(); // before the first step
        faulty.Submit(Random(1));
        faulty.Loop.Step();
        faulty.HasStates.ShouldBeTrue();
        Same(faulty.Complete(Random(2)).Single(), plain.Complete(Random(2)).Single());
        faulty.Statistics.DrafterFaults.ShouldBe(3);
        faulty.HasStates.ShouldBeFalse();
    }

    [Fact]
    public void A_prompt_that_was_computed_before_is_drafted_for_as_the_first_time()
    {
        using var rig = new EagleRig(prefixes: true);
        var request = Random(1) with { PromptTokens = Text(100, 3), MaxTokens = 60 };
        rig.Complete(request);
        var first = rig.Drafts!;
        rig.Drafts = [];
        rig.Complete(request).Single().Usage.CachedTokens.ShouldBe(96);
        rig.Drafts.Count.ShouldBeGreaterThan(10);
        foreach (var (text, drafts) in rig.Drafts) drafts.ShouldBe(first[text]);
    }

    [Fact]
    public void Found_blocks_that_the_head_never_saw_are_made_of_their_tokens_once()
    {
        using var plain = new EagleRig();
        var expected = plain.Complete(Long).Single();
        using var fresh = new EagleRig(blocks: 12, prefixes: true);
        using var used = new EagleRig(blocks: 12, prefixes: true);
        used.Complete(Long with { PromptTokens = Text(300, 9) }); // its keys and values are what lies in the blocks
        foreach (var rig in new[] { fresh, used })
        {
            rig.Complete(Long with { MaxTokens = 1 }); // it ended before the head was given its last rows
            rig.Drafts = [];
            var found = rig.Complete(Long).Single();
            found.Usage.CachedTokens.ShouldBe(288);
            Same(found, expected);
            rig.Statistics.DrafterFaults.ShouldBe(0);
        }

        ShouldAgree(used, fresh, atLeast: 15);
        used.Drafts = [];
        used.Complete(Long);
        ShouldAgree(used, fresh, atLeast: 15); // and it did not do so again from something else
    }

    private static readonly GenerationRequest Long = Random(1) with { PromptTokens = Text(300, 3), MaxTokens = 60 };

    [Fact]
    public void Steps_that_it_was_not_told_of_cost_drafts_and_no_answer()
    {
        using var rig = new EagleRig();
        using var plain = new EagleRig();
        var calls = 0;
        rig.OnComputed = () =>
        {
            if (++calls % 23 == 0) throw new InvalidOperationException("a fault of the test");
        };
        List<GenerationRequest> requests = [.. Enumerable.Range(0, 12).Select(Random)];
        var (results, expected) = (rig.Complete(requests), plain.Complete(requests));
        for (var index = 0; index < requests.Count; index++) Same(results[index], expected[index]);
        rig.Statistics.DrafterFaults.ShouldBeGreaterThan(3);
        rig.Statistics.Speculation.Accepted.ShouldBeGreaterThan(plain.Statistics.Speculation.Accepted / 2);
    }

    [Fact]
    public void Behind_its_context_it_drafts_nothing_and_the_answer_goes_on()
    {
        using var rig = new EagleRig(headContext: 64);
        using var plain = new EagleRig();
        var request = Random(1) with { PromptTokens = Text(30, 3), MaxTokens = 100 };
        Same(rig.Complete(request).Single(), plain.Complete(request).Single());
        rig.Drafts!.Keys.ShouldAllBe(text => text.Split(' ').Length <= 65); // the first draft is of the pair before it, and nothing is asked for in vain
        rig.Statistics.Speculation.Drafted.ShouldBeGreaterThan(20);
        rig.Statistics.DrafterFaults.ShouldBe(0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)] // found by the second request
    public void Of_a_prompt_that_is_longer_than_its_context_it_computes_no_more_than_that(bool prefixes)
    {
        using var rig = new EagleRig(headContext: 64, prefixes: prefixes);
        using var plain = new EagleRig(prefixes: prefixes);
        for (var turn = 0; turn < 2; turn++)
        {
            var state = rig.Submit(Long);
            while (rig.Loop.Step())
            {
                rig.Loop.Scheduler.CheckIntegrity();
                if (rig.Loop.Scheduler.Running is [Sequence running]) running.Drafts.Drafted.ShouldBeLessThanOrEqualTo(prefixes && turn == 1 ? 0 : 64);
            }

            var result = LoopRig.Result(state);
            result.Usage.CachedTokens.ShouldBe(prefixes && turn == 1 ? 288 : 0);
            Same(result, plain.Complete(Long).Single());
        }

        rig.Drafts.ShouldBeEmpty();
        rig.Statistics.DrafterFaults.ShouldBe(0);
    }

    [Fact]
    public void What_it_does_in_a_step_allocates_nothing()
    {
        using var rig = new EagleRig { Drafts = null };
        foreach (var index in Enumerable.Range(0, 4)) rig.Submit(Random(index) with { MaxTokens = 300 });
        Step(20);
        var before = rig.Allocated;
        Step(40);
        rig.Allocated.ShouldBe(before);
        rig.Statistics.Speculation.Accepted.ShouldBePositive();
        rig.Loop.Scheduler.IsEmpty.ShouldBeFalse();

        void Step(int steps)
        {
            for (var step = 0; step < steps; step++) rig.Loop.Step();
        }
    }

    private static void ShouldAgree(EagleRig rig, EagleRig alone, int atLeast)
    {
        var agreed = 0;
        foreach (var (text, drafts) in rig.Drafts!)
        {
            if (!alone.Drafts!.TryGetValue(text, out var expected)) continue;
            var count = Math.Min(drafts.Length, expected.Length);
            drafts[..count].ShouldBe(expected[..count]);
            if (count > 0) agreed++;
        }

        agreed.ShouldBeGreaterThanOrEqualTo(atLeast);
        rig.Statistics.DrafterFaults.ShouldBe(0);
    }

    private static void Same(GenerationResult one, GenerationResult other)
    {
        for (var choice = 0; choice < other.Choices.Count; choice++) StepLoopTests.Same(one.Choices[choice], other.Choices[choice]);
    }

    private static int[] Text(int length, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, length).Select(_ => random.Next(2040))];
    }

    private static GenerationRequest Random(int index) => new()
    {
        PromptTokens = Text(2 + (index * 37 % 110), index),
        MaxTokens = 10 + (index * 7 % 40),
        IgnoreEos = true,
        Choices = index % 5 == 4 ? 2 : 1,
        Sampling = index % 5 == 4 ? new() { Seed = index, Temperature = 0.6 } : new() { Temperature = 0 },
    };
}
