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
    [InlineData(12, 300)] // beyond as it went before
    public void Between_two_sizes_it_is_interpolated_and_goes_on_so_beyond_them(int rows, double expected)
    {
        See(2, 100);
        See(7, 200);
        _cost.Of(rows).ShouldBe(expected, 1e-9);
    }

    [Theory]
    [InlineData(60, 30, 30)] // quicker with more rows: flat
    [InlineData(10, 30, 300)] // a jump: no more than rows cost on the mean
    public void Beyond_all_it_never_falls_and_rises_no_steeper_than_rows_cost(double one, double two, double twenty)
    {
        See(1, one);
        See(2, two);
        _cost.Of(20).ShouldBe(twenty, 1e-9);
    }

    [Theory]
    [InlineData(2, 100)]
    [InlineData(3, 200)] // as much as the larger one
    [InlineData(7, 200)]
    [InlineData(14, 400)] // as if all of it went by rows
    public void What_it_will_hardly_exceed(int rows, double expected)
    {
        double.IsPositiveInfinity(_cost.AtMost(rows)).ShouldBeTrue();
        See(2, 100);
        See(7, 200);
        _cost.AtMost(rows).ShouldBe(expected, 1e-9);
    }

    [Fact]
    public void Made_up_passes_tell_what_nothing_else_has_told()
    {
        _cost.Calibrate(3, 500);
        _cost.Calibrate(3, 400);
        _cost.Calibrate(3, 450);
        (_cost.Of(3), _cost.Knows(3)).ShouldBe((400, true)); // the quickest of a round
        _cost.Observe(3, 200);
        _cost.Of(3).ShouldBe(300, 1e-9); // what was wanted says more
        _cost.Calibrate(3, 10);
        _cost.Of(3).ShouldBe(300, 1e-9);
        _cost.Calibrate(5, 900);
        See(1, 50);
        _cost.Calibrate(5, 950); // another round: another machine
        _cost.Of(5).ShouldBe(950, 1e-9);
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
    public void One_outlier_counts_for_nothing_and_a_second_one_for_four_times_the_usual_and_what_lasts_is_followed()
    {
        See(1, 100);
        _cost.Observe(1, 1_000_000);
        _cost.Of(1).ShouldBe(100);
        _cost.Observe(1, 100);
        _cost.Observe(1, 1_000_000);
        _cost.Of(1).ShouldBe(100);
        _cost.Observe(1, 1_000_000);
        _cost.Of(1).ShouldBe(100 + (300 / 8.0), 1e-9);
        for (var step = 0; step < 100; step++) _cost.Observe(1, 200);
        _cost.Of(1).ShouldBe(200, 1);
    }

    [Fact]
    public void A_machine_that_becomes_quicker_is_followed_quickly_for_the_sizes_below_too()
    {
        See(1, 400);
        See(5, 500);
        for (var step = 0; step < 6; step++) _cost.Observe(5, 200);
        _cost.Of(5).ShouldBe(200, 40);
        _cost.Of(1).ShouldBe(_cost.Of(5), 1e-9); // and of what was not looked at there is no gain to be had
    }

    [Fact]
    public void A_size_says_nothing_of_larger_ones()
    {
        See(5, 500);
        for (var step = 0; step < 6; step++) _cost.Observe(1, 200);
        _cost.Of(5).ShouldBe(500, 1e-9);
    }

    [Fact]
    public void What_was_not_looked_at_for_long_is_followed_quickly()
    {
        See(1, 100);
        for (var step = 0; step < 100; step++) _cost.Observe(5, 200);
        _cost.Observe(1, 140);
        _cost.Of(1).ShouldBe(120, 1e-9);
        for (var step = 0; step < 100; step++) _cost.Observe(5, 200);
        _cost.Observe(1, 200);
        _cost.Of(1).ShouldBe(120, 1e-9); // this may be an outlier
        _cost.Observe(1, 200);
        _cost.Of(1).ShouldBe(160, 1e-9);
    }

    /// <summary>A size that is held for too dear is never tried again.</summary>
    [Fact]
    public void The_first_pass_that_was_wanted_may_be_that_of_cold_code()
    {
        _cost.Calibrate(3, 100);
        _cost.Observe(3, 2000);
        _cost.Of(3).ShouldBe(100);
        _cost.Observe(3, 200);
        _cost.Of(3).ShouldBe(150, 1e-9);
    }

    [Fact]
    public void Made_up_passes_tell_again_what_nobody_wanted_for_long()
    {
        See(5, 900);
        (_cost.SawLately(5), _cost.SawLately(4), _cost.HasSeen(4)).ShouldBe((true, false, false));
        for (var step = 0; step < 100; step++) _cost.Observe(1, 100);
        (_cost.SawLately(5), _cost.HasSeen(5)).ShouldBe((false, true));
        _cost.Calibrate(5, 300);
        _cost.Of(5).ShouldBe(300);
        _cost.Calibrate(9, 250); // and of fewer rows that they take no longer
        _cost.Of(5).ShouldBe(250);
        _cost.Of(1).ShouldBe(100);
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
