using Stoker.Engine.Speculation;

namespace Stoker.Engine.Tests.Speculation;

public sealed class RowCostTests
{
    private readonly RowCost _cost = new();

    [Fact]
    public void Nothing_seen_costs_nothing_and_is_not_known() => (_cost.Of(3), _cost.Knows(3)).ShouldBe((0, false));

    [Fact]
    public void A_size_is_known_when_it_was_seen_twice_and_of_the_two_the_quicker_counts()
    {
        _cost.Observe(3, 900);
        (_cost.Of(3), _cost.Knows(3)).ShouldBe((0, false)); // it may have been cold code
        _cost.Observe(3, 100);
        (_cost.Of(3), _cost.Knows(3)).ShouldBe((100, true));
        _cost.Observe(4, 100);
        _cost.Observe(4, 900);
        _cost.Of(4).ShouldBe(100);
    }

    [Theory]
    [InlineData(1, 100)] // flat below what was seen
    [InlineData(2, 100)]
    [InlineData(3, 120)] // in between
    [InlineData(7, 200)]
    [InlineData(12, 200)] // flat beyond: it looks cheap, is tried, and known
    [InlineData(4000, 200)]
    public void Between_two_sizes_it_is_interpolated_and_outside_flat(int rows, double expected)
    {
        See(2, 100);
        See(7, 200);
        _cost.Of(rows).ShouldBe(expected, 1e-9);
    }

    [Fact]
    public void Large_sizes_share_an_entry_and_lie_between_their_neighbours()
    {
        See(36, 1000);
        See(68, 2000);
        _cost.Of(36).ShouldBe(1000, 1e-9);
        _cost.Of(52).ShouldBe(1500, 1e-9);
        See(100_000, 9000);
        _cost.Of(100_000).ShouldBe(9000, 1e-9);
    }

    [Theory]
    [InlineData(34, 940)] // in the entry of 36, but below what was seen there
    [InlineData(38, 1100)]
    public void Sizes_that_share_an_entry_are_told_apart(int rows, double expected)
    {
        See(16, 400);
        See(36, 1000);
        See(42, 1300);
        _cost.Of(rows).ShouldBe(expected, 1e-9);
    }

    [Fact]
    public void An_outlier_counts_for_four_times_the_usual_and_what_lasts_is_followed()
    {
        See(1, 100);
        _cost.Observe(1, 1_000_000);
        _cost.Of(1).ShouldBe(100 + (300 / 8.0), 1e-9);
        for (var step = 0; step < 100; step++) _cost.Observe(1, 200);
        _cost.Of(1).ShouldBe(200, 1);
    }

    [Fact]
    public void What_was_not_looked_at_for_long_is_followed_quickly()
    {
        See(1, 100);
        for (var step = 0; step < 100; step++) _cost.Observe(5, 100);
        _cost.Observe(1, 200);
        _cost.Of(1).ShouldBe(150, 1e-9);
    }

    [Theory]
    [InlineData(0, 5)]
    [InlineData(3, 0)]
    [InlineData(3, double.NaN)]
    public void A_clock_that_stands_still_says_nothing(int rows, double microseconds)
    {
        for (var time = 0; time < 2; time++) _cost.Observe(rows, microseconds);
        _cost.Of(3).ShouldBe(0);
    }

    private void See(int rows, double microseconds)
    {
        for (var time = 0; time < 2; time++) _cost.Observe(rows, microseconds);
    }
}
