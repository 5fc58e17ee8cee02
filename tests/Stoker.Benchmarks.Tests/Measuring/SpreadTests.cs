using Stoker.Benchmarks.Measuring;

namespace Stoker.Benchmarks.Tests.Measuring;

public class SpreadTests
{
    [Fact]
    public void The_median_of_an_even_count_is_between_the_middle_two()
    {
        Spread.Of([4, 1, 3, 10]).ShouldBe(new Spread(1, 3.5, 10, 4));
        Spread.Of([4, 1, 3]).Median.ShouldBe(3);
    }

    [Theory]
    [InlineData(0.5, 50)]
    [InlineData(0.99, 99)]
    [InlineData(1, 100)]
    [InlineData(0, 1)]
    public void A_percentile_is_the_nearest_rank(double share, double expected) =>
        Spread.Percentile(Enumerable.Range(1, 100).Reverse().Select(value => (double)value), share).ShouldBe(expected);

    [Fact]
    public void Nothing_has_no_median() => Should.Throw<ArgumentException>(() => Spread.Of([]));
}
