using Stoker.Engine.Speculation;

namespace Stoker.Engine.Tests.Speculation;

public sealed class AcceptanceEstimateTests
{
    [Fact]
    public void It_begins_with_what_is_usual_and_the_first_drafts_say_much()
    {
        var estimate = new AcceptanceEstimate(0.6);
        estimate.Value.ShouldBe(0.6);
        for (var round = 0; round < 3; round++) estimate.Observe(drafted: 4, accepted: 0); // of four, one was tried
        estimate.Value.ShouldBe(0.15, 1e-9);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.3)]
    [InlineData(0.8)]
    [InlineData(1)]
    public void It_comes_to_what_is_true(double acceptance)
    {
        var (estimate, random, mean) = (new AcceptanceEstimate(0.6), new Random(1), 0.0);
        for (var round = 0; round < 4000; round++)
        {
            var accepted = 0;
            while (accepted < 4 && random.NextDouble() < acceptance) accepted++;
            estimate.Observe(4, accepted);
            if (round >= 1000) mean += estimate.Value / 3000;
        }
        mean.ShouldBe(acceptance, 0.05);
    }

    [Fact]
    public void Drafts_behind_the_first_rejected_one_were_not_tried()
    {
        var (one, other) = (new AcceptanceEstimate(0.5), new AcceptanceEstimate(0.5));
        one.Observe(16, 1);
        other.Observe(2, 1);
        one.Value.ShouldBe(other.Value);
    }

    [Fact]
    public void A_heavier_draft_moves_it_further()
    {
        var estimate = new AcceptanceEstimate(0.5);
        for (var round = 0; round < 100; round++) estimate.Observe(1, 0);
        var low = estimate.Value;
        estimate.Observe(1, 1, weight: 0.5);
        estimate.Value.ShouldBe(low + ((1 - low) / 2), 1e-9);
    }
}
