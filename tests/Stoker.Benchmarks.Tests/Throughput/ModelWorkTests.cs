using Stoker.Benchmarks.RandomModels;
using Stoker.Benchmarks.Throughput;

namespace Stoker.Benchmarks.Tests.Throughput;

public class ModelWorkTests
{
    [Theory]
    [InlineData("llama-3.2-1b")]
    [InlineData("qwen2.5-0.5b")]
    public void Its_weights_are_those_of_the_shape_without_norms_and_biases(string name)
    {
        var shape = RandomShape.Find(name);
        var work = ModelWork.Of(shape);
        (work.ProjectionWeights + work.HeadWeights).ShouldBe(shape.Tensors().Where(tensor => tensor.Shape.Length == 2).Sum(tensor => tensor.ElementCount));
    }

    [Fact]
    public void Only_rows_with_logits_go_through_the_head() =>
        new ModelWork(ProjectionWeights: 10, HeadWeights: 1000).Operations(rows: 5, logitRows: 1).ShouldBe(2100);
}
