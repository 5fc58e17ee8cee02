using Stoker.Engine.Models;

namespace Stoker.Engine.Tests.Models;

public class ExpertRouterTests
{
    [Fact]
    public void Best_experts_share_by_their_softmax_and_sum_to_one()
    {
        float[] logits = [0.5f, 2, -1, 1];
        var shares = new float[4];
        ExpertRouter.Choose(logits, 2, shares);
        var (best, second) = (Math.Exp(2), Math.Exp(1));
        ((double)shares[1]).ShouldBe(best / (best + second), 1e-6);
        ((double)shares[3]).ShouldBe(second / (best + second), 1e-6);
        (shares[0], shares[2]).ShouldBe((0, 0));
    }

    [Fact]
    public void Of_equal_experts_the_first_are_chosen()
    {
        var shares = new float[4];
        ExpertRouter.Choose([1, 1, 1, 1], 3, shares);
        shares.ShouldBe([1 / 3f, 1 / 3f, 1 / 3f, 0], 1e-6);
    }

    [Fact]
    public void Huge_logits_do_not_overflow()
    {
        var shares = new float[3];
        ExpertRouter.Choose([3e38f, 1e38f, -3e38f], 2, shares);
        shares.ShouldBe([1, 0, 0]);
    }
}
