using Stoker.Benchmarks.Comparing;

namespace Stoker.Benchmarks.Tests.Comparing;

public class WorkloadTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(37)]
    public void The_largest_is_found_at_any_place_and_the_first_of_equals_wins(int length)
    {
        for (var place = 0; place < length; place++)
        {
            var logits = Enumerable.Repeat(-5f, length).ToArray();
            logits[place] = -1;
            logits[^1] = -1;
            Workload.ArgMax(logits).ShouldBe(place);
        }
    }

    [Fact]
    public void Both_sides_draw_the_same_tokens_within_the_vocabulary()
    {
        var (first, second) = (new Workload(1000), new Workload(1000));
        var tokens = first.Tokens(500);
        second.Tokens(500).ShouldBe(tokens);
        tokens.ShouldAllBe(token => token >= 0 && token < 1000);
        tokens.Distinct().Count().ShouldBeGreaterThan(300);
    }
}
