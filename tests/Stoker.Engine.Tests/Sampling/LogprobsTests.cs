using Stoker.Engine.Sampling;

namespace Stoker.Engine.Tests.Sampling;

public sealed class LogprobsTests
{
    [Fact]
    public void They_are_the_log_softmax()
    {
        float[] logits = [1, 2, 3];
        var sum = Logprobs.LogSumExp(logits);
        sum.ShouldBe(Math.Log(Math.Exp(1) + Math.Exp(2) + Math.Exp(3)), 1e-12);
        Logprobs.Of(3, sum).ShouldBe(3 - sum);
    }

    [Fact]
    public void Large_logits_do_not_overflow() => Logprobs.LogSumExp([1000f, 1000f]).ShouldBe(1000 + Math.Log(2), 1e-9);

    [Theory]
    [InlineData(float.NegativeInfinity)]
    [InlineData(float.NaN)]
    [InlineData(-20000f)]
    public void What_can_never_come_is_minus_9999_and_never_infinite(float logit)
    {
        var sum = Logprobs.LogSumExp([1f, logit]);
        sum.ShouldBe(1);
        Logprobs.Of(logit, sum).ShouldBe(-9999);
        Logprobs.Of(1f, sum).ShouldBe(0);
    }

    [Theory]
    [InlineData(float.NegativeInfinity)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NaN)]
    public void A_broken_row_still_gives_numbers(float logit) =>
        double.IsFinite(Logprobs.Of(logit, Logprobs.LogSumExp([logit, logit]))).ShouldBeTrue();

    [Fact]
    public void The_most_likely_come_in_falling_order_with_the_lower_id_first_on_ties()
    {
        float[] logits = [1, 5, 3, 5, float.NaN];
        var sum = Logprobs.LogSumExp(logits);
        Logprobs.Top(logits, sum, 3, new(5)).Select(entry => entry.Id).ShouldBe([1, 3, 2]);
        Logprobs.Top(logits, sum, 20, new(5)).Length.ShouldBe(4); // NaN is never among them
        Logprobs.Top(logits, sum, 0, new(5)).ShouldBeEmpty();
    }
}
