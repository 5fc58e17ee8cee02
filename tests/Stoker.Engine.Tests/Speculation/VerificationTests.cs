using Stoker.Engine.Tests.Scheduling;

namespace Stoker.Engine.Tests.Speculation;

/// <summary>Drafts of any quality change no answer: not one bit of it.</summary>
public sealed class VerificationTests
{
    [Theory]
    [InlineData(8, 64, 200, 4, 0)] // every draft is right
    [InlineData(8, 64, 200, 4, 1)] // none is
    [InlineData(8, 64, 200, 16, 7)]
    [InlineData(8, 64, 200, 4, 3)]
    [InlineData(1, 32, 200, 4, 3)]
    [InlineData(3, 5, 200, 4, 5)] // hardly any room in a step
    [InlineData(8, 32, 6, 4, 4)] // blocks for two or three: preemption all the time
    [InlineData(4, 16, 3, 4, 5)]
    public void Every_answer_equals_the_one_without(int maxSequences, int stepTokens, int blocks, int draftTokens, int wrongEvery)
    {
        var drafter = new ScriptedDrafter(wrongEvery);
        var requests = Enumerable.Range(0, 20).Select(Request).ToList();
        var plain = requests.ConvertAll(request => new LoopRig().Complete(request));
        for (var index = 0; index < plain.Count; index++) drafter.Know(index + 1, plain[index]);

        var rig = new LoopRig(blocks, maxSequences, stepTokens, drafter: drafter, draftTokens: draftTokens);
        var together = requests.ConvertAll(rig.Submit);
        rig.Run();
        for (var index = 0; index < requests.Count; index++)
        {
            var result = LoopRig.Result(together[index]);
            for (var choice = 0; choice < plain[index].Choices.Count; choice++) StepLoopTests.Same(result.Choices[choice], plain[index].Choices[choice]);
            result.Usage.CompletionTokens.ShouldBe(plain[index].Usage.CompletionTokens);
        }
        var figures = rig.Statistics.Speculation;
        figures.Drafted.ShouldBePositive();
        figures.Accepted.ShouldBeInRange(wrongEvery == 1 ? 0 : 1, wrongEvery == 1 ? 0 : figures.Drafted);
        rig.Statistics.DrafterFaults.ShouldBe(0);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(5)]
    public void Tokens_out_are_those_accepted_and_one_a_step(int wrongEvery)
    {
        var (rig, result) = Alone(wrongEvery, StepLoopTests.Ask("abc", maxTokens: 50) with { IgnoreEos = true, Sampling = Seeded });
        var figures = result.Usage.Speculation.ShouldNotBeNull();
        result.Usage.CompletionTokens.ShouldBe(50);
        ((long)rig.Model.Forwards + figures.Accepted).ShouldBe(50); // the first step computes the prompt and gives a token
        figures.Accepted.ShouldBeLessThanOrEqualTo(figures.Drafted);
        figures.Accepted.ShouldBe(figures.AcceptedByPosition.Sum());
        figures.Drafted.ShouldBe(figures.DraftedByPosition.Sum());
        figures.DraftedByPosition.Count.ShouldBe(4);
        figures.DraftedByPosition[0].ShouldBe(figures.Verifications);
        for (var position = 0; position < 4; position++)
        {
            figures.AcceptedByPosition[position].ShouldBeLessThanOrEqualTo(figures.DraftedByPosition[position]);
            if (position > 0) figures.AcceptedByPosition[position].ShouldBeLessThanOrEqualTo(figures.AcceptedByPosition[position - 1]);
        }
        rig.Statistics.Speculation.ShouldBeEquivalentTo(figures);
        rig.Statistics.StepWork.Decode.DecodeTokens.ShouldBe(49);
    }

    [Fact]
    public void Right_drafts_take_a_step_of_five_tokens_each()
    {
        var (rig, _) = Alone(0, StepLoopTests.Ask("abc", maxTokens: 51) with { IgnoreEos = true, Sampling = Seeded });
        rig.Model.Forwards.ShouldBe(1 + 10);
    }

    [Fact]
    public void The_last_token_that_is_asked_for_needs_no_draft()
    {
        var (rig, result) = Alone(0, StepLoopTests.Ask("abc", maxTokens: 4) with { IgnoreEos = true, Sampling = Seeded });
        (result.Usage.Speculation!.Drafted, result.Usage.Speculation.Accepted, rig.Model.Forwards).ShouldBe((2, 2, 2));
    }

    [Fact]
    public void An_end_token_that_was_foreseen_ends_the_answer_and_is_the_steps_own()
    {
        var request = StepLoopTests.Ask("abc", maxTokens: 20) with
        {
            MinTokens = 7,
            Sampling = new() { Seed = 4, LogitBias = new Dictionary<int, double> { [FakeText.Broken] = -100, [FakeText.End] = 100 } },
        };
        var (_, result) = Alone(0, request);
        result.Choices[0].Finish.ShouldBe(FinishReason.Stop);
        result.Choices[0].Tokens.Count.ShouldBe(8);
        result.Choices[0].Tokens[^1].IsEnd.ShouldBeTrue();
        var figures = result.Usage.Speculation.ShouldNotBeNull();
        (figures.Drafted, figures.Accepted).ShouldBe((6, 5)); // 1, then 4 + 1, then the second of two, foreseen
    }

    [Fact]
    public void A_stop_string_within_accepted_drafts_ends_the_answer_where_it_does_without()
    {
        var (_, result) = Alone(0, StepLoopTests.Forced(1, maxTokens: 20) with { Stop = ["bbb"] });
        (result.Choices[0].Text, result.Choices[0].Finish, result.Usage.CompletionTokens).ShouldBe(("", FinishReason.Stop, 3));
        result.Usage.Speculation!.Accepted.ShouldBe(1); // 1 of the prompt's step, one accepted, one that ended it
    }

    [Fact]
    public void Where_a_row_cannot_be_drawn_from_what_was_accepted_before_it_is_told()
    {
        var forced = new Dictionary<int, double> { [FakeText.Broken] = -100 };
        var plain = new LoopRig().Complete(StepLoopTests.Ask("abc", maxTokens: 20) with { IgnoreEos = true, Sampling = new() { Seed = 5, LogitBias = forced } });
        var poison = plain.Choices[0].Tokens[6].Id;
        var drafter = new ScriptedDrafter();
        drafter.Know(1, plain);
        var request = StepLoopTests.Ask("abc", maxTokens: 20) with { IgnoreEos = true, Sampling = new() { Seed = 5, LogitBias = forced } };
        var expected = new LoopRig(model: new() { PoisonToken = poison }).Complete(request);
        expected.Choices[0].Finish.ShouldBe(FinishReason.Error);
        var result = new LoopRig(model: new() { PoisonToken = poison }, drafter: drafter).Complete(request);
        StepLoopTests.Same(result.Choices[0], expected.Choices[0]);
    }

    [Fact]
    public void A_step_that_holds_drafts_leaves_half_of_its_other_rows_to_prompts()
    {
        var drafter = new ScriptedDrafter();
        var (first, second) = (StepLoopTests.Ask("abc", 60) with { IgnoreEos = true, Sampling = Seeded }, StepLoopTests.Ask(new string('x', 90), 3));
        drafter.Know(1, new LoopRig().Complete(first));
        drafter.Know(2, new LoopRig().Complete(second));
        var rig = new LoopRig(maxSequences: 2, stepTokens: 7, drafter: drafter, draftTokens: 16);
        var states = new[] { rig.Submit(first), rig.Submit(second) };
        var most = 0;
        rig.Model.OnForward = batch => most = Math.Max(most, batch.RowCount);
        rig.Run();
        most.ShouldBe(7);
        LoopRig.Result(states[1]).Choices[0].Tokens.Count.ShouldBe(3);
        rig.Statistics.StepWork.Mixed.PrefillTokens.ShouldBeGreaterThanOrEqualTo(3 * rig.Statistics.StepWork.Mixed.Steps - 3);
    }

    private static SamplingOptions Seeded => new() { Seed = 3, LogitBias = StepLoopTests.NoBroken };

    private static (LoopRig Rig, GenerationResult Result) Alone(int wrongEvery, GenerationRequest request)
    {
        var drafter = new ScriptedDrafter(wrongEvery);
        var plain = new LoopRig().Complete(request);
        drafter.Know(1, plain);
        var rig = new LoopRig(drafter: drafter);
        var result = rig.Complete(request);
        StepLoopTests.Same(result.Choices[0], plain.Choices[0]);
        return (rig, result);
    }

    private static GenerationRequest Request(int index) =>
        StepLoopTests.Ask(new string((char)('a' + index), 1 + (7 * index % 45)), maxTokens: 10 + (index * 5 % 40), seed: index) with
        {
            Choices = index % 5 == 4 ? 3 : 1,
            Logprobs = index % 3 == 0 ? 2 : null,
            Echo = index % 4 == 0,
            Stop = index % 2 == 0 ? ["ab", "q"] : [],
            MinTokens = index % 7 == 0 ? 8 : 0,
            IgnoreEos = index % 3 == 1,
            Sampling = new()
            {
                Seed = index,
                Temperature = index % 6 == 0 ? 0 : 0.8,
                TopK = index % 3 * 5,
                RepetitionPenalty = index % 4 == 1 ? 1.3 : 1,
                FrequencyPenalty = index % 4 == 2 ? 0.5 : 0,
                PresencePenalty = index % 5 == 2 ? 0.5 : 0,
                LogitBias = StepLoopTests.NoBroken,
            },
        };
}
