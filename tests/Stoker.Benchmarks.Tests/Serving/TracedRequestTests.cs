using Stoker.Benchmarks.Serving;

namespace Stoker.Benchmarks.Tests.Serving;

public class TracedRequestTests
{
    private static readonly string[] Trace = ["ContextTokens,GeneratedTokens", "400,80", "4000,8", "1,1", ""];

    [Fact]
    public void Lengths_are_the_traces_divided_and_never_zero() =>
        Plan(4, scale: 4, context: 4096).Select(request => (request.UserTokens, request.AnswerTokens))
            .ShouldBe([(100, 20), (1000, 2), (1, 1), (100, 20)]);

    [Fact]
    public void A_request_that_is_too_long_is_cut_to_the_context()
    {
        foreach (var request in Plan(30, scale: 1, context: 200))
        {
            (64 + request.UserTokens + request.AnswerTokens).ShouldBeLessThanOrEqualTo(200);
            request.AnswerTokens.ShouldBeGreaterThan(0);
        }
        Plan(2, scale: 1, context: 200)[1].ShouldBe(Plan(2, scale: 1, context: 200)[1] with { UserTokens = 102, AnswerTokens = 8 });
    }

    [Fact]
    public void The_same_seed_gives_the_same_requests_and_every_system_prompt_is_used()
    {
        Plan(100, 4, 4096).ShouldBe(Plan(100, 4, 4096));
        Plan(100, 4, 4096).Select(request => request.System).Distinct().Order().ShouldBe([0, 1, 2, 3]);
    }

    [Theory]
    [InlineData("no rows", "heading")]
    [InlineData("two counts", "heading", "12,-3")]
    [InlineData("two counts", "heading", "12")]
    public void A_broken_trace_is_refused(string expected, params string[] trace) =>
        Should.Throw<UsageException>(() => TracedRequest.Plan(trace, 1, 1, 1, 8, 100, 1)).Message.ShouldContain(expected);

    [Fact]
    public void A_context_without_room_is_refused() =>
        Should.Throw<UsageException>(() => Plan(1, 1, context: 70)).Message.ShouldContain("leaves no room");

    [Fact]
    public void The_sample_beside_the_bench_has_the_lengths_that_it_states()
    {
        var trace = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "traces", "azure-conv-lengths.csv"));
        trace.Length.ShouldBe(513);
        var plan = TracedRequest.Plan(trace, 512, scale: 1, systems: 1, systemTokens: 8, context: 1_000_000, seed: 1);
        plan.Average(request => request.UserTokens).ShouldBe(1201, 1);
        plan.Average(request => request.AnswerTokens).ShouldBe(216, 1);
    }

    private static TracedRequest[] Plan(int count, double scale, int context) => TracedRequest.Plan(Trace, count, scale, 4, 64, context, seed: 3);
}
