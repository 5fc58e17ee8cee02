using Stoker.Benchmarks.Quality;
using Stoker.Engine;

namespace Stoker.Benchmarks.Tests.Quality;

public class QualityBenchTests
{
    [Fact]
    public void Exact_weights_give_the_reference_and_a_bound_that_is_too_narrow_is_told_with_both_figures()
    {
        var cases = QualityCase.All.Where(one => one is { Weights: "f32" } or { Weights: "fp8", Kv: KvPrecision.Bf16 }).ToList();
        var bench = new QualityBench(new([], [], "--threads", "--kernel-set"));
        bench.Measure(cases).ShouldBeEmpty();
        var fault = bench.Measure([cases[1] with { Divergence = 1e-6 }]).ShouldHaveSingleItem();
        fault.ShouldStartWith("fp8, bf16: perplexity ");
        fault.ShouldContain("divergence ");
        fault.ShouldEndWith("(1.0E-006)");
    }

    [Theory]
    [InlineData(30.0, 1e-3, true)]
    [InlineData(30.31, 1e-3, false)]
    [InlineData(29.69, 1e-3, false)] // better than the reference by more than the bound: something is wrong too
    [InlineData(30.0, 0.02, false)]
    [InlineData(double.NaN, 1e-3, false)]
    [InlineData(30.0, double.NaN, false)]
    public void A_case_holds_within_both_bounds(double perplexity, double divergence, bool holds)
    {
        var bounds = new QualityCase("int8", KvPrecision.Bf16, Percent: 1, Divergence: 0.01, Scheme: null);
        (bounds.Fault(new(perplexity, divergence), reference: 30) is null).ShouldBe(holds);
    }

    [Fact]
    public void Every_precision_that_quantises_is_among_the_cases() =>
        PrecisionNames.All.Except(["auto"]).ShouldBe(QualityCase.All.Select(one => one.Weights).Distinct(), ignoreOrder: true);
}
