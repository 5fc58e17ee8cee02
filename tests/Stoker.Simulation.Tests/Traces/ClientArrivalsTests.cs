using Stoker.Simulation.Traces;

namespace Stoker.Simulation.Tests.Traces;

public class ClientArrivalsTests
{
    private static readonly LengthLaw Lengths = LengthLaw.Constant(100, 10);

    [Theory]
    [InlineData(0.5, 1.0, false)]
    [InlineData(5, 2.5, false)]
    [InlineData(5, 0.5, true)]
    [InlineData(20, 3.0, true)]
    public void A_window_has_as_many_requests_as_its_rate_says_spread_as_its_variation_says(double rate, double variation, bool weibull)
    {
        var trace = Draw(new RateWindow(TimeSpan.FromSeconds(600), rate, variation, weibull), seed: 1);
        trace.Arrivals.Count.ShouldBe((int)(rate * 600));
        trace.Arrivals.ShouldAllBe(arrival => arrival.At >= TimeSpan.FromSeconds(600) && arrival.At < TimeSpan.FromSeconds(1200));
        trace.Arrivals.Zip(trace.Arrivals.Skip(1)).ShouldAllBe(pair => pair.First.At <= pair.Second.At);
        if (rate < 5) return; // too few to judge a spread by

        var gaps = trace.Arrivals.Zip(trace.Arrivals.Skip(1), (left, right) => (right.At - left.At).TotalSeconds).ToArray();
        var mean = gaps.Average();
        var seen = Math.Sqrt(gaps.Average(gap => (gap - mean) * (gap - mean))) / mean;
        seen.ShouldBeInRange(variation * 0.8, variation * 1.2);
    }

    [Fact]
    public void A_seed_fixes_the_requests_and_another_seed_or_client_gives_others()
    {
        var window = new RateWindow(TimeSpan.Zero, 1, 1, IsWeibull: false);
        Draw(window, seed: 7).Arrivals.ShouldBe(Draw(window, seed: 7).Arrivals);
        Draw(window, seed: 7).Arrivals.ShouldNotBe(Draw(window, seed: 8).Arrivals);
        Draw(window, seed: 7).Arrivals.ShouldNotBe(Draw(window, seed: 7, client: "other").Arrivals);
    }

    [Theory]
    [InlineData(1.0, 1.0)] // the exponential law
    [InlineData(0.5227, 2.0)] // the shape's own definition
    public void The_Weibull_shape_of_a_variation_is_known(double variation, double shape) =>
        ClientArrivals.WeibullShape(variation).ShouldBe(shape, 0.001);

    [Fact]
    public void Lengths_follow_the_clients_quantiles()
    {
        var table = TraceSource.OpenRates("servegen-m-large").Value;
        var lengths = TraceSource.LengthsOf("L61"); // its rows say: half of the prompts have at most 822 tokens, none more than 24355
        var arrivals = ClientArrivals.Draw(table with { Clients = [] }, new("L61", [new(TimeSpan.Zero, 10, 1, false)]), lengths, seed: 3).Arrivals;
        arrivals.Count(arrival => arrival.PromptTokens <= 822).ShouldBeInRange(2850, 3150);
        arrivals.Max(arrival => arrival.PromptTokens).ShouldBeLessThanOrEqualTo(24_355);
        arrivals.Count(arrival => arrival.GeneratedTokens <= 80).ShouldBeInRange(500, 700);
    }

    private static Trace Draw(RateWindow window, ulong seed, string client = "client") =>
        ClientArrivals.Draw(new("set", [], TimeSpan.FromDays(1)), new(client, [window]), Lengths, seed);
}
