using Stoker.ControlPlane.Metering;

namespace Stoker.ControlPlane.Tests.Metering;

public class LedgerRuleTests
{
    [Theory]
    [InlineData(10, 25, 25, 15)]
    [InlineData(10, 25, 3625, 15)] // an hour ahead
    [InlineData(10, 25, -3575, 15)] // an hour back
    [InlineData(10, 10, 10, 0)]
    [InlineData(10, 4000, 4000, 3990)]
    public void Within_a_boot_only_its_own_clock_counts(double from, double to, double wall, double expected) =>
        LedgerRule.Elapsed(LedgerEvents.At(from), LedgerEvents.At(to, wall: wall)).ShouldBe(TimeSpan.FromSeconds(expected));

    [Theory]
    [InlineData(100, 103, 3)]
    [InlineData(100, 110, 10)]
    [InlineData(100, 111, 10)] // believed up to the heartbeat
    [InlineData(100, 3700, 10)]
    [InlineData(100, 40, 0)] // and never backwards
    public void Between_boots_the_wall_clocks_count_up_to_the_heartbeat(double from, double to, double expected) =>
        LedgerRule.Elapsed(LedgerEvents.At(7000, wall: from), LedgerEvents.At(5, "boot-2", to)).ShouldBe(TimeSpan.FromSeconds(expected));

    [Theory]
    [InlineData("boot-1", 60, false)]
    [InlineData("boot-1", 60.9, false)] // slewed, as a time daemon does
    [InlineData("boot-1", 61.1, true)]
    [InlineData("boot-1", 58.9, true)]
    [InlineData("boot-2", 3600, false)] // not comparable
    public void A_step_is_a_wall_clock_that_strays_from_the_boots(string boot, double wall, bool expected) =>
        LedgerRule.IsStepped(LedgerEvents.At(0), LedgerEvents.At(60, boot, wall)).ShouldBe(expected);

    [Fact]
    public void Proofs_are_written_twice_within_the_bound() => (LedgerRule.Beat * 2).ShouldBe(LedgerRule.Heartbeat);
}
