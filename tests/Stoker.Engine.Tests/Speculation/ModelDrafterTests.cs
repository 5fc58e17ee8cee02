using Stoker.Engine.KvCache;
using Stoker.Engine.Scheduling;
using Stoker.Engine.Speculation;
using Stoker.Engine.Tests.Scheduling;

namespace Stoker.Engine.Tests.Speculation;

/// <summary>
/// The drafter is the target itself, whose output depends on every position of its own keys: as long as those are right, each draft is, and
/// one that is not shows that they were not.
/// </summary>
public sealed class ModelDrafterTests
{
    [Theory]
    [InlineData(8, 64, 200, true)]
    [InlineData(8, 64, 200, false)]
    [InlineData(3, 20, 200, true)] // prompts are computed by the drafter in pieces
    [InlineData(8, 64, 8, true)] // preemption all the time, and blocks that were found again
    [InlineData(8, 64, 8, false)]
    [InlineData(4, 12, 5, true)]
    public void Its_keys_and_values_are_those_of_the_text_whatever_happens(int maxSequences, int stepTokens, int blocks, bool prefixes)
    {
        var requests = Enumerable.Range(0, 24).Select(Request).ToList();
        var rig = Rig(maxSequences, stepTokens, blocks, prefixes);
        var states = requests.ConvertAll(rig.Submit);
        rig.Run();
        var figures = rig.Statistics.Speculation;
        figures.Drafted.ShouldBePositive();
        // Drafts are for nothing where an answer ends before them: behind an end token.
        states.Sum(state => LoopRig.Result(state).Usage.Speculation?.Accepted ?? 0).ShouldBe(figures.Accepted);
        figures.Accepted.ShouldBe(figures.Drafted);
        rig.Statistics.DrafterFaults.ShouldBe(0);
        if (blocks < 20) rig.Statistics.Preemptions.ShouldBePositive();
    }

    [Fact]
    public void Blocks_of_an_earlier_prompt_serve_the_drafter_too()
    {
        var drafter = new FakeModel();
        var rig = Rig(4, 64, 64, prefixes: true, drafter);
        var request = StepLoopTests.Ask(new string('q', 100), 20) with { IgnoreEos = true, Sampling = Greedy };
        rig.Complete(request);
        var first = drafter.RowsComputed;
        first.ShouldBeGreaterThan(100);
        var again = rig.Complete(request);
        (drafter.RowsComputed - first).ShouldBeLessThan(4 + 20 + 20); // the last prompt tokens, the answer, and its drafts
        again.Usage.Speculation!.Accepted.ShouldBe(again.Usage.Speculation.Drafted);
    }

    [Fact]
    public void Blocks_that_the_target_had_found_and_the_drafter_has_not_are_computed_by_it()
    {
        var drafter = new FakeModel();
        var rig = Rig(4, 64, 64, prefixes: true, drafter);
        var request = StepLoopTests.Ask(new string('q', 100), 20) with { IgnoreEos = true, Sampling = Greedy };
        rig.Complete(request with { MaxTokens = 1 }); // one token needs no drafts
        drafter.RowsComputed.ShouldBe(0);
        var found = rig.Complete(request);
        found.Usage.CachedTokens.ShouldBe(96);
        found.Usage.Speculation!.Accepted.ShouldBe(found.Usage.Speculation.Drafted);
        drafter.RowsComputed.ShouldBeGreaterThan(100);
    }

    [Fact]
    public void Behind_its_context_it_drafts_nothing_and_the_answer_goes_on()
    {
        var drafter = new FakeModel(contextLength: 40);
        var rig = Rig(4, 64, 64, prefixes: true, drafter);
        drafter.OnForward = batch => batch.Positions.ToArray().Max().ShouldBeLessThan(40);
        var result = rig.Complete(StepLoopTests.Ask("abcdefgh", 100) with { IgnoreEos = true, Sampling = Greedy });
        result.Usage.CompletionTokens.ShouldBe(100);
        result.Usage.Speculation!.Accepted.ShouldBeGreaterThan(20);
        rig.Statistics.DrafterFaults.ShouldBe(0);
    }

    private static SamplingOptions Greedy => new() { Temperature = 0, LogitBias = StepLoopTests.NoBroken };

    private static LoopRig Rig(int maxSequences, int stepTokens, int blocks, bool prefixes, FakeModel? drafter = null)
    {
        var model = drafter ?? new FakeModel();
        var limits = new StepLimits(maxSequences, stepTokens, KvStore.BlockSize);
        return new(blocks, maxSequences, stepTokens, new() { PrefixCache = prefixes }, newDrafter: pool =>
            new ModelDrafter(model, new(model.Shape, pool.Count, KvFormat.F32), pool, limits, FakeText.Broken, TimeProvider.System));
    }

    private static GenerationRequest Request(int index) =>
        StepLoopTests.Ask(new string((char)('a' + (index % 3)), 1 + (index * 11 % 70)), 10 + (index * 7 % 60)) with { IgnoreEos = true, Sampling = Greedy };
}
