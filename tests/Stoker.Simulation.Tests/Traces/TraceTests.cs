using Stoker.Simulation.Traces;

namespace Stoker.Simulation.Tests.Traces;

public class TraceTests
{
    private static readonly Trace Two = new("two", [new(TimeSpan.Zero, 1, 2), new(TimeSpan.FromSeconds(10), 3, 4)], TimeSpan.FromSeconds(10));

    [Fact]
    public void Copies_come_a_little_later_and_in_order_of_time()
    {
        var copied = Two.Copied(50, TimeSpan.FromSeconds(2), seed: 1);
        copied.Arrivals.Count.ShouldBe(100);
        copied.Arrivals.Take(50).ShouldAllBe(arrival => arrival.PromptTokens == 1 && arrival.At < TimeSpan.FromSeconds(2));
        copied.Arrivals.Skip(50).ShouldAllBe(arrival => arrival.PromptTokens == 3 && arrival.At >= TimeSpan.FromSeconds(10) && arrival.At < TimeSpan.FromSeconds(12));
        copied.Arrivals.Zip(copied.Arrivals.Skip(1)).ShouldAllBe(pair => pair.First.At <= pair.Second.At);
        copied.Arrivals.Select(arrival => arrival.At).Distinct().Count().ShouldBeGreaterThan(90);
        copied.Span.ShouldBe(copied.Arrivals[^1].At);
    }

    [Fact]
    public void One_copy_without_jitter_is_the_trace_itself() => Two.Copied(1, TimeSpan.Zero, seed: 1).ShouldBeSameAs(Two);

    [Fact]
    public void A_seed_fixes_the_copies()
    {
        Two.Copied(5, TimeSpan.FromSeconds(2), seed: 1).Arrivals.ShouldBe(Two.Copied(5, TimeSpan.FromSeconds(2), seed: 1).Arrivals);
        Two.Copied(5, TimeSpan.FromSeconds(2), seed: 1).Arrivals.ShouldNotBe(Two.Copied(5, TimeSpan.FromSeconds(2), seed: 2).Arrivals);
    }
}
