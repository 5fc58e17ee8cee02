using Stoker.ControlPlane.Serverless;

namespace Stoker.ControlPlane.Tests.Serverless;

public class AccountRateTests
{
    private readonly AccountRate _rate = new(new() { RequestsPerMinute = 6, PromptTokensPerMinute = 60, GeneratedTokensPerMinute = 60 }, default);

    [Theory]
    [InlineData(6, 0, 0, RateKind.Requests, 10)]
    [InlineData(1, 55, 0, RateKind.PromptTokens, 5)]
    [InlineData(1, 0, 70, RateKind.GeneratedTokens, 11)]
    [InlineData(6, 59, 70, RateKind.GeneratedTokens, 11)] // of several the one with the longest wait
    internal void Each_limit_stands_alone_and_names_its_wait(int requests, int prompt, int generated, RateKind over, int seconds)
    {
        for (var request = 0; request < requests; request++) _rate.TryBegin(0, default).Over.ShouldBeNull();
        _rate.End(0, prompt, generated, default);

        var verdict = _rate.TryBegin(10, default);

        (verdict.Over, verdict.RetryAfter).ShouldBe((over, TimeSpan.FromSeconds(seconds)));
        _rate.TryBegin(10, TimeSpan.FromSeconds(seconds + 0.001)).Over.ShouldBeNull();
    }

    [Fact]
    public void A_refused_request_uses_nothing()
    {
        _rate.End(0, 60, 0, default);

        for (var request = 0; request < 100; request++) _rate.TryBegin(10, default).Over.ShouldBe(RateKind.PromptTokens);

        _rate.TryBegin(1, TimeSpan.FromSeconds(1.001)).Left.Requests.ShouldBe(5);
    }

    [Fact]
    public void The_end_corrects_the_estimate_of_the_prompt()
    {
        _rate.TryBegin(50, default).Left.PromptTokens.ShouldBe(10);
        _rate.End(50, 20, 30, default);

        var left = _rate.TryBegin(0, default).Left;
        (left.Requests, left.PromptTokens, left.GeneratedTokens).ShouldBe((4, 40, 30));
    }

    [Fact]
    public void A_prompt_of_more_than_a_minutes_worth_passes_when_nothing_of_it_is_used_and_is_paid_by_waiting()
    {
        _rate.TryBegin(600, default).Over.ShouldBeNull();

        _rate.TryBegin(1, TimeSpan.FromMinutes(9)).Over.ShouldBe(RateKind.PromptTokens);
        _rate.TryBegin(1, TimeSpan.FromMinutes(9.1)).Over.ShouldBeNull();
    }
}
