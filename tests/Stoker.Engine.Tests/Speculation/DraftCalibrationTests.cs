using Stoker.Engine.KvCache;
using Stoker.Engine.Scheduling;
using Stoker.Engine.Speculation;
using Stoker.Engine.Tests.Scheduling;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Speculation;

/// <summary>What drafts cost is known before the first request, from idle moments, in a bounded time.</summary>
public sealed class DraftCalibrationTests
{
    private readonly List<int> _passes = []; // rows of the target, and below 0 of the drafter

    [Fact]
    public void Costs_are_measured_before_the_first_request_within_the_budget()
    {
        var rig = Rig(milliseconds: 10);
        var start = rig.Time.GetTimestamp();
        Calibrate(rig);
        _passes[..9].ShouldBe([1, 5, -1, 2, -2, -16, 3, 9, -4]);
        rig.Time.GetElapsedTime(start).TotalMicroseconds.ShouldBeLessThanOrEqualTo(DraftCalibration.BudgetMicroseconds);
        rig.Loop.Scheduler.Pool.UsedCount.ShouldBe(0);
    }

    [Fact]
    public void Of_a_slow_model_the_most_telling_sizes_are_measured()
    {
        Calibrate(Rig(milliseconds: 60));
        _passes.ShouldBe([1, 5, -1, 2]);
    }

    [Fact]
    public void It_is_done_again_when_turns_were_served_and_not_before()
    {
        var rig = Rig(milliseconds: 1);
        Calibrate(rig);
        rig.Complete(Request with { MaxTokens = 20 });
        _passes.Clear();
        Calibrate(rig);
        _passes.ShouldNotContain(9);
        for (var answer = 0; answer < 6; answer++) rig.Complete(Request with { MaxTokens = 100 });
        _passes.Clear();
        Calibrate(rig);
        _passes.ShouldContain(9);
    }

    [Fact]
    public void Without_adaptive_speculation_and_without_a_drafter_an_engine_starts_without()
    {
        Calibrate(Rig(milliseconds: 1, adaptive: false));
        _passes.ShouldBeEmpty();
        Calibrate(Watched(new(predicts: true, adaptive: true), 1));
        _passes.ShouldBeEmpty();
    }

    [Fact]
    public void What_long_drafts_cost_is_learned_when_a_prediction_was_asked_for_and_not_before()
    {
        var rig = Watched(new(maxSequences: 4, predicts: true, adaptive: true), 1);
        rig.Complete(Request);
        _passes.Clear();
        Calibrate(rig);
        _passes.ShouldNotContain(8);
        rig.Complete(Request with { Prediction = Answer });
        _passes.Clear();
        Calibrate(rig);
        _passes[..7].ShouldBe([1, 8, 16, 2, 9, 3, 5]);
        _passes.Clear();
        Calibrate(rig);
        _passes.ShouldBeEmpty();
    }

    [Fact]
    public void With_a_drafter_too()
    {
        var rig = Rig(milliseconds: 1);
        Calibrate(rig);
        _passes.ShouldNotContain(8);
        rig.Complete(Request with { Prediction = Answer });
        _passes.Clear();
        Calibrate(rig);
        _passes[..10].ShouldBe([1, 5, -1, 2, -2, -16, 9, -4, 8, 16]); // 3 was seen with the prediction's drafts
    }

    [Fact]
    public void A_fault_ends_it_and_reaches_nobody()
    {
        var rig = Rig(milliseconds: 1);
        var advance = rig.Model.OnForward;
        rig.Model.OnForward = _ => throw new DivideByZeroException("a kernel's bug");
        rig.Loop.Calibrate().ShouldBeFalse();
        rig.Model.OnForward = advance;
        rig.Loop.Scheduler.CheckIntegrity();
        rig.Complete(Request).Choices[0].Tokens.Count.ShouldBe(Request.MaxTokens!.Value);
    }

    private static GenerationRequest Request { get; } =
        StepLoopTests.Ask("abc", maxTokens: 4) with { IgnoreEos = true, Sampling = new() { Seed = 9, LogitBias = StepLoopTests.NoBroken } };

    private static readonly int[] Answer = [.. new LoopRig().Complete(Request).Choices[0].Tokens.Select(token => token.Id)];

    private static void Calibrate(LoopRig rig)
    {
        for (var pass = 0; rig.Loop.Calibrate(); pass++)
        {
            rig.Loop.Scheduler.CheckIntegrity();
            pass.ShouldBeLessThan(1000);
        }
    }

    private LoopRig Rig(int milliseconds, bool adaptive = true)
    {
        var drafter = new Measured(_passes);
        var rig = Watched(new(maxSequences: 4, drafter: drafter, adaptive: adaptive), milliseconds);
        drafter.Clock = rig.Time;
        return rig;
    }

    private LoopRig Watched(LoopRig rig, int milliseconds)
    {
        rig.Model.OnForward = rows =>
        {
            _passes.Add(rows.RowCount);
            rig.Time.Advance(TimeSpan.FromMilliseconds(milliseconds));
        };
        return rig;
    }

    /// <summary>A drafter that has nothing to offer, and takes a millisecond for it.</summary>
    private sealed class Measured(List<int> passes) : IDrafter
    {
        public DraftKind Kind => DraftKind.Model;

        public RowCost PassCost { get; } = new();

        public ManualTime? Clock { get; set; }

        public void Propose(IReadOnlyList<Sequence> sequences)
        {
        }

        public void Computed(in PlannedRows rows, int final)
        {
        }

        public bool Calibrate(BlockTable table, int rows)
        {
            passes.Add(-rows);
            Clock!.Advance(TimeSpan.FromMilliseconds(1));
            PassCost.Calibrate(rows, 1000);
            return true;
        }

        public void Dispose()
        {
        }
    }
}
