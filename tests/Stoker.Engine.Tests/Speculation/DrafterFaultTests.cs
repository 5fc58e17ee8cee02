using Stoker.Engine.Scheduling;
using Stoker.Engine.Speculation;
using Stoker.Engine.Tests.Scheduling;

namespace Stoker.Engine.Tests.Speculation;

/// <summary>What goes wrong in a drafter ends speculation and nothing else.</summary>
public sealed class DrafterFaultTests
{
    private static readonly GenerationRequest Request =
        StepLoopTests.Ask("abc", maxTokens: 40) with { IgnoreEos = true, Sampling = new() { Seed = 9, LogitBias = StepLoopTests.NoBroken } };

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_drafter_that_always_fails_is_left_alone_and_the_request_goes_on_without(bool inProposal)
    {
        var drafter = Knowing();
        if (inProposal) drafter.OnPropose = () => throw new DivideByZeroException("a drafter's bug");
        else drafter.OnComputed = () => throw new DivideByZeroException("a drafter's bug");
        var rig = new LoopRig(drafter: drafter);
        var result = rig.Complete(Request);
        StepLoopTests.Same(result.Choices[0], new LoopRig().Complete(Request).Choices[0]);
        rig.Statistics.DrafterFaults.ShouldBe(Speculator.MostFaults);
        drafter.Proposals.ShouldBeLessThanOrEqualTo(Speculator.MostFaults);
        drafter.IsDisposed.ShouldBeTrue();
        if (inProposal) result.Usage.Speculation.ShouldBeNull();
    }

    [Fact]
    public void A_drafter_that_fails_now_and_then_goes_on()
    {
        var drafter = Knowing();
        drafter.OnPropose = () =>
        {
            if (drafter.Proposals % 2 == 0) throw new DivideByZeroException("a drafter's bug");
        };
        var rig = new LoopRig(drafter: drafter);
        StepLoopTests.Same(rig.Complete(Request).Choices[0], new LoopRig().Complete(Request).Choices[0]);
        rig.Statistics.DrafterFaults.ShouldBeGreaterThan(Speculator.MostFaults);
        rig.Statistics.Speculation.Accepted.ShouldBePositive();
    }

    [Theory]
    [InlineData(FakeText.Size)]
    [InlineData(-1)]
    [InlineData(int.MaxValue)]
    public void A_draft_that_is_no_token_is_left_out_with_those_behind_it(int nonsense)
    {
        var drafter = Knowing();
        for (var index = 0; index < 40; index += 3) drafter.Answers[(1, 0)][index] = nonsense;
        var rig = new LoopRig(drafter: drafter);
        StepLoopTests.Same(rig.Complete(Request).Choices[0], new LoopRig().Complete(Request).Choices[0]);
        rig.Statistics.Speculation.AcceptedByPosition.Count.ShouldBe(2);
    }

    /// <summary>Its keys and values are native memory, which nobody else would free.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_drafter_goes_with_an_engine_that_cannot_be_made(bool inLoop)
    {
        var drafter = new Unwilling { Fails = inLoop };
        var options = new EngineOptions { Speculation = new() { NgramLength = 3 }, WrapDrafter = _ => drafter, Time = inLoop ? TimeProvider.System : new StoppedClock() };
        Should.Throw<DivideByZeroException>(() => new InferenceEngine(new(new FakeModel(), new FakeText(), new(SamplingOptions.Unset, [])), options));
        drafter.IsDisposed.ShouldBeTrue();
    }

    private static ScriptedDrafter Knowing()
    {
        var drafter = new ScriptedDrafter();
        drafter.Know(1, new LoopRig().Complete(Request));
        return drafter;
    }

    /// <summary>For the loop's thread, which looks at the time first.</summary>
    private sealed class StoppedClock : TimeProvider
    {
        public override long GetTimestamp() => throw new DivideByZeroException("no clock");
    }

    private sealed class Unwilling : IDrafter
    {
        public bool Fails { get; init; }

        public bool IsDisposed { get; private set; }

        public DraftKind Kind => DraftKind.Model;

        public RowCost? PassCost => Fails ? throw new DivideByZeroException("a drafter's bug") : null;

        public void Propose(IReadOnlyList<Sequence> sequences)
        {
        }

        public void Computed(in PlannedRows rows, int final)
        {
        }

        public void Dispose() => IsDisposed = true;
    }
}
