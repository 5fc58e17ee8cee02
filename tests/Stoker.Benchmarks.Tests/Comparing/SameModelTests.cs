using Stoker.Benchmarks.Comparing;

namespace Stoker.Benchmarks.Tests.Comparing;

public class SameModelTests
{
    [Fact]
    public void The_cosine_tells_alike_from_unlike()
    {
        SameModel.Cosine([1, 2, -3], [2, 4, -6]).ShouldBe(1, 1e-9);
        SameModel.Cosine([1, 0], [0, 1]).ShouldBe(0, 1e-9);
        SameModel.Cosine([1, 2], [-1, -2]).ShouldBe(-1, 1e-9);
        double.IsNaN(SameModel.Cosine([0, 0], [1, 2])).ShouldBeTrue(); // and NaN passes no limit
    }

    [Fact]
    public void Different_vocabularies_are_different_models() =>
        Should.Throw<UsageException>(() => SameModel.Cosine([1, 2], [1, 2, 3])).Message.ShouldContain("2 logits, the peer 3");
}
