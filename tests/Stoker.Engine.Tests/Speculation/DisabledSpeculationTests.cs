using Stoker.Engine.Tests.Scheduling;

namespace Stoker.Engine.Tests.Speculation;

/// <summary>The drafter is asked as ever; its drafts are not used.</summary>
public sealed class DisabledSpeculationTests
{
    private static readonly GenerationRequest Request =
        StepLoopTests.Ask("abc", maxTokens: 30) with { IgnoreEos = true, Sampling = new() { Seed = 2, LogitBias = StepLoopTests.NoBroken } };

    [Fact]
    public void It_takes_a_step_a_token_while_the_drafter_drafts_each_time()
    {
        var (rig, result, drafter) = Complete(Request with { DisableSpeculation = true });
        rig.Model.Forwards.ShouldBe(30);
        drafter.Proposals.ShouldBe(28); // not for the first token nor for the last
        result.Usage.Speculation.ShouldBeNull();
        rig.Statistics.Speculation.Drafted.ShouldBe(0);
    }

    [Fact]
    public void A_prediction_is_not_used_either()
    {
        int[] answer = [.. new LoopRig().Complete(Request).Choices[0].Tokens.Select(token => token.Id)];
        var (rig, result, _) = Complete(Request with { DisableSpeculation = true, Prediction = answer });
        rig.Model.Forwards.ShouldBe(30);
        result.Usage.Speculation!.Drafted.ShouldBe(0);
    }

    [Fact]
    public void A_neighbour_has_its_drafts_all_the_same()
    {
        var drafter = new ScriptedDrafter();
        var plain = new LoopRig().Complete(Request);
        drafter.Know(1, plain);
        drafter.Know(2, plain);
        var rig = new LoopRig(stepTokens: 64, drafter: drafter);
        var (without, with) = (rig.Submit(Request with { DisableSpeculation = true }), rig.Submit(Request));
        rig.Run();
        LoopRig.Result(without).Usage.Speculation.ShouldBeNull();
        LoopRig.Result(with).Usage.Speculation!.Accepted.ShouldBeGreaterThan(20);
    }

    private static (LoopRig Rig, GenerationResult Result, ScriptedDrafter Drafter) Complete(GenerationRequest request)
    {
        var drafter = new ScriptedDrafter();
        var plain = new LoopRig().Complete(Request);
        drafter.Know(1, plain);
        var rig = new LoopRig(drafter: drafter);
        var result = rig.Complete(request);
        StepLoopTests.Same(result.Choices[0], plain.Choices[0]);
        return (rig, result, drafter);
    }
}
