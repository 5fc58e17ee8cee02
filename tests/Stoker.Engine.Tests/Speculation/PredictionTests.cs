using Stoker.Engine.Tests.Scheduling;

namespace Stoker.Engine.Tests.Speculation;

/// <summary>Predicted outputs: quicker where the prediction is right, the same answer whatever it says.</summary>
public sealed class PredictionTests
{
    private static readonly GenerationRequest Request =
        StepLoopTests.Ask("abc", maxTokens: 60) with { IgnoreEos = true, Sampling = new() { Seed = 9, LogitBias = StepLoopTests.NoBroken } };

    private static readonly GenerationResult Plain = new LoopRig().Complete(Request);
    private static readonly int[] Answer = [.. Plain.Choices[0].Tokens.Select(token => token.Id)];

    [Fact]
    public void A_prediction_that_is_the_answer_takes_steps_of_seventeen_tokens()
    {
        var (rig, usage) = Complete(Answer, new ScriptedDrafter(), draftTokens: 16);
        rig.Model.Forwards.ShouldBe(1 + 4); // 1, then 17, 17, 17 and 8
        (usage.Speculation!.PredictionTokens, usage.Speculation.PredictionMatched).ShouldBe((60, 60));
        usage.Speculation.Accepted.ShouldBe(60 - 5);
    }

    [Fact]
    public void It_works_without_a_drafter_of_the_engine()
    {
        var (rig, usage) = Complete(Answer, null);
        rig.Model.Forwards.ShouldBe(1 + 4);
        usage.Speculation!.Accepted.ShouldBe(60 - 5);
    }

    [Fact]
    public void Where_it_is_lost_the_engines_drafter_drafts()
    {
        int[] wrong = [.. Answer.Select(id => (id + 1) % 26)];
        var drafter = new ScriptedDrafter();
        drafter.Know(1, Plain);
        var (rig, usage) = Complete(wrong, drafter);
        rig.Model.Forwards.ShouldBeLessThan(30);
        drafter.Proposals.ShouldBePositive();
        usage.Speculation!.PredictionMatched.ShouldBeLessThan(30);
    }

    [Fact]
    public void After_a_mismatch_it_finds_itself_again()
    {
        int[] edited = [.. Answer[..20], FakeText.Emoji, .. Answer[26..]]; // six tokens of the answer are another one here
        var (rig, usage) = Complete(edited, null);
        usage.Speculation!.PredictionMatched.ShouldBeGreaterThan(45);
        rig.Model.Forwards.ShouldBeLessThan(25);
    }

    [Fact]
    public void Each_choice_follows_it_for_itself()
    {
        var request = Request with { Choices = 3, MaxTokens = 30 };
        var plain = new LoopRig().Complete(request);
        int[] second = [.. plain.Choices[1].Tokens.Select(token => token.Id)];
        var result = new LoopRig(predicts: true).Complete(request with { Prediction = second });
        for (var choice = 0; choice < 3; choice++) StepLoopTests.Same(result.Choices[choice], plain.Choices[choice]);
        result.Usage.Speculation!.PredictionTokens.ShouldBe(90);
        result.Usage.Speculation.PredictionMatched.ShouldBeInRange(30, 60);
    }

    [Fact]
    public void One_that_is_longer_than_the_answer_may_get_is_refused_with_what_to_do()
    {
        var refused = Should.Throw<RequestRefusedException>(() => new LoopRig().Submit(Request with { Prediction = new int[61] }));
        (refused.Kind, refused.Parameter).ShouldBe((RefusalKind.Invalid, "prediction"));
        refused.Message.ShouldBe(
            "The prediction has 61 tokens, but max_tokens and the context length of 256 allow an answer of 60. Shorten the prediction, or raise max_tokens where the context has room.");
    }

    [Theory]
    [InlineData(FakeText.Size)]
    [InlineData(-1)]
    public void A_token_that_is_none_is_refused(int id) =>
        Should.Throw<RequestRefusedException>(() => new LoopRig().Submit(Request with { Prediction = [1, id] })).Parameter.ShouldBe("prediction");

    private static (LoopRig Rig, GenerationUsage Usage) Complete(int[] prediction, ScriptedDrafter? drafter, int draftTokens = 4)
    {
        var rig = new LoopRig(stepTokens: 64, maxSequences: 4, newDrafter: drafter is null ? null : _ => drafter, draftTokens: draftTokens, predicts: true);
        var result = rig.Complete(Request with { Prediction = prediction });
        StepLoopTests.Same(result.Choices[0], Plain.Choices[0]);
        return (rig, result.Usage);
    }
}
