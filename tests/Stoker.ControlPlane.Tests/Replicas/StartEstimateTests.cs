using FsCheck;
using FsCheck.Fluent;
using Stoker.Api.Names;
using Stoker.ControlPlane.Replicas;

namespace Stoker.ControlPlane.Tests.Replicas;

public class StartEstimateTests
{
    private static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly TimeSpan Usual = TimeSpan.FromSeconds(60);

    [Fact]
    public void Before_the_start_all_of_the_usual_time_is_left()
    {
        StartEstimate.For(StartOutlook.Unknown, Usual, Noon).ShouldBe(new(StartPhase.Scheduling, 0, Usual));
        StartEstimate.For(StartOutlook.Unknown with { Recent = Seconds(10) }, Usual, Noon).Left.ShouldBe(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public void The_median_of_the_own_starts_counts_so_that_one_odd_start_does_not()
    {
        var outlook = new StartOutlook(StartPhase.Starting, null, Noon, Seconds(10, 300, 11, 9, 12));
        StartEstimate.For(outlook, Usual, Noon.AddSeconds(1)).Left.ShouldBe(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public void Without_own_starts_the_loading_itself_tells()
    {
        var outlook = new StartOutlook(StartPhase.Loading, 0.25, Noon, []);
        StartEstimate.For(outlook, Usual, Noon.AddSeconds(10)).ShouldBe(new(StartPhase.Loading, 0.25, TimeSpan.FromSeconds(30)));
        StartEstimate.For(outlook with { Loaded = 0.01 }, Usual, Noon.AddSeconds(10)).Left.ShouldBe(TimeSpan.FromSeconds(50));
    }

    [Fact]
    public void A_start_that_takes_longer_than_usual_is_expected_to_take_longer_still()
    {
        var outlook = new StartOutlook(StartPhase.Loading, null, Noon, Seconds(10));
        StartEstimate.For(outlook, Usual, Noon.AddSeconds(20)).Left.ShouldBe(TimeSpan.FromSeconds(2));
        StartEstimate.For(outlook, Usual, Noon.AddSeconds(200)).Left.ShouldBe(TimeSpan.FromSeconds(20));
    }

    [Fact]
    public void A_clock_that_was_set_back_does_not_lengthen_the_start()
    {
        var outlook = new StartOutlook(StartPhase.Loading, 0.5, Noon, Seconds(10));
        StartEstimate.For(outlook, Usual, Noon.AddHours(-1)).ShouldBe(new(StartPhase.Loading, 0, TimeSpan.FromSeconds(10)));
    }

    [Fact]
    public void Progress_is_a_share_and_time_is_always_left() => Prop.ForAll(
        Gen.Choose(0, 100_000).Zip(Gen.Choose(-1, 100)).Zip(Gen.Choose(0, 60_000).ListOf(3)).ToArbitrary(),
        drawn =>
        {
            var ((passed, loaded), recent) = drawn;
            var outlook = new StartOutlook(
                StartPhase.Loading, loaded < 0 ? null : loaded / 100.0, Noon, [.. recent.Take(loaded % 4 + 1).Select(ms => TimeSpan.FromMilliseconds(ms))]);
            var estimate = StartEstimate.For(outlook, Usual, Noon.AddMilliseconds(passed));
            return estimate.Progress is >= 0 and < 1 && estimate.Left > TimeSpan.Zero && estimate.Left < TimeSpan.FromDays(1);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_deployment_without_starts_of_its_own_goes_by_the_last_start_of_another()
    {
        var (board, own, other) = (new StartBoard(), Name("own"), Name("other"));
        board.Estimate(own, Noon).Left.ShouldBe(TimeSpan.FromSeconds(60));

        board.Note(other, StartOutlook.Unknown with { Recent = Seconds(5, 7) });

        board.Estimate(own, Noon).Left.ShouldBe(TimeSpan.FromSeconds(7));
        board.Note(own, StartOutlook.Unknown with { Recent = Seconds(3) });
        board.Estimate(own, Noon).Left.ShouldBe(TimeSpan.FromSeconds(3));
        board.Forget(own);
        board.Of(own).ShouldBe(StartOutlook.Unknown);
    }

    private static TimeSpan[] Seconds(params IEnumerable<int> seconds) => [.. seconds.Select(count => TimeSpan.FromSeconds(count))];

    private static DeploymentName Name(string id) => DeploymentName.Parse($"accounts/a/deployments/{id}");
}
