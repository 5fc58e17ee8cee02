using Stoker.ControlPlane.Autoscaling;

namespace Stoker.ControlPlane.Tests.Autoscaling;

public class LoadTargetsTests
{
    [Fact]
    public void Without_targets_a_replica_is_to_carry_four_fifths_of_its_sequences()
    {
        var need = LoadTargets.From(new Dictionary<string, double>()).Needed(LoadMeasure.Of(13), sequencesPerReplica: 16);
        (need.Count, need.Key, need.PerReplica).ShouldBe((2, "default", 12.8)); // 13 / 12.8
    }

    [Theory]
    [InlineData("default", 0.5, 2)] // 20 of 8 sequences each: 4, 8 ...
    [InlineData("concurrent_requests", 4.0, 5)]
    [InlineData("requests_per_second", 3.0, 4)]
    [InlineData("prompt_tokens_per_second", 100.0, 9)]
    [InlineData("tokens_generated_per_second", 100.0, 3)]
    public void Each_key_has_its_unit(string key, double target, int expected) =>
        LoadTargets.From(new Dictionary<string, double> { [key] = target })
            .Needed(new(20, 10, 900, 300), sequencesPerReplica: 20).Count.ShouldBe(expected);

    [Fact]
    public void Only_the_targets_that_were_given_count()
    {
        var targets = LoadTargets.From(new Dictionary<string, double> { ["requests_per_second"] = 10 });
        targets.Needed(new(1_000, 15, 0, 0), sequencesPerReplica: 1).Count.ShouldBe(2);
    }

    [Fact]
    public void A_load_of_exactly_n_replicas_needs_n()
    {
        var targets = LoadTargets.From(new Dictionary<string, double> { ["default"] = 0.7 });
        for (var count = 1; count <= 1_000; count++)
        {
            targets.Needed(new(count * (0.7 * 3), 0, 0, 0), sequencesPerReplica: 3).Count.ShouldBe(count);
        }
    }

    [Fact]
    public void No_load_needs_no_replica() => LoadTargets.Usual.Needed(default, sequencesPerReplica: 8).Count.ShouldBe(0);

    [Fact]
    public void A_share_of_unknown_sequences_counts_as_one_replica_beside_the_others()
    {
        var targets = LoadTargets.From(new Dictionary<string, double> { ["default"] = 1, ["concurrent_requests"] = 5 });
        targets.Needed(LoadMeasure.Of(3), sequencesPerReplica: null).Count.ShouldBe(1);
        targets.Needed(LoadMeasure.Of(30), sequencesPerReplica: null).Count.ShouldBe(6);
        targets.AreKnown(null).ShouldBeFalse();
        targets.AreKnown(8).ShouldBeTrue();
    }

    [Theory]
    [InlineData("cpu", 0.5, "cpu")]
    [InlineData("default", 0.0, "above 0")]
    [InlineData("requests_per_second", double.PositiveInfinity, "above 0")]
    public void What_no_rule_lets_through_is_an_error_here_too(string key, double target, string expected) =>
        Should.Throw<ArgumentException>(() => LoadTargets.From(new Dictionary<string, double> { [key] = target })).Message.ShouldContain(expected);
}
