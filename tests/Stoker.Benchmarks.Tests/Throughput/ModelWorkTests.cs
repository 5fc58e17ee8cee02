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
    public void Fewer_bits_are_fewer_bytes_and_the_head_of_a_four_bit_pack_has_eight()
    {
        var work = new ModelWork(ProjectionWeights: 1024, HeadWeights: 128);
        work.BytesPerStep("bf16").ShouldBe(2304);
        work.BytesPerStep("int8").ShouldBe(1152 + 18);
        work.BytesPerStep("fp8").ShouldBe(1152);
        work.BytesPerStep("fp4").ShouldBe(512 + 64 + 130);
    }

    [Fact]
    public void Only_rows_with_logits_go_through_the_head() =>
        new ModelWork(ProjectionWeights: 10, HeadWeights: 1000).Operations(rows: 5, logitRows: 1).ShouldBe(2100);
}
