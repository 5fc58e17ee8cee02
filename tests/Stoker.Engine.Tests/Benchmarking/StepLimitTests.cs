using Stoker.Engine.Benchmarking;
using Stoker.Engine.Kernels;
using Stoker.Engine.Models;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Tests.Benchmarking;

public sealed class StepLimitTests
{
    private static readonly MachineRates Rates = new(ReadBytes: 100, Float32: 1_000, Bf16: 2_000, Int8: 4_000);

    private static readonly ModelWork Work = new(
        WeightBytes: 500, new Dictionary<WeightFormat, long> { [WeightFormat.Fp4] = 1_000, [WeightFormat.Bf16] = 10 }, (WeightFormat.Int8, 2_000));

    [Fact]
    public void WeightsAreReadOncePerStep()
    {
        var (seconds, by) = StepLimit.For(Work, Rates, Form, steps: 3, rows: 3, logitRows: 3);

        Assert.Equal(15, seconds);
        Assert.Equal(BenchmarkLimit.Memory, by);
    }

    [Fact]
    public void EveryFormatIsMultipliedAtTheSpeedOfItsOwnInstruction()
    {
        var (seconds, by) = StepLimit.For(Work, Rates, Form, steps: 1, rows: 20, logitRows: 1);

        Assert.Equal((2 * 1_000 * 20 / 4_000.0) + (2 * 10 * 20 / 2_000.0) + (2 * 2_000 / 4_000.0), seconds, 1e-9);
        Assert.Equal(BenchmarkLimit.Arithmetic, by);
    }

    [Fact]
    public void WithoutTheDotProductsFloat32IsTheSpeed()
    {
        var rates = Rates with { Bf16 = null, Int8 = null };

        Assert.Equal(1_000, rates.Of(ActivationForm.Bf16));
        Assert.Equal(1_000, rates.Of(ActivationForm.F32));
        Assert.Equal(2_000, rates.Of(ActivationForm.Int16Group128));
    }

    [Fact]
    public void TheFormatOfMostMultiplyAddsIsTheMainOne() => Assert.Equal(WeightFormat.Fp4, StepLimit.MainFormat(Work));

    private static ActivationForm Form(WeightFormat format) => format switch
    {
        WeightFormat.Fp4 => ActivationForm.Int8Group32,
        WeightFormat.Int8 => ActivationForm.Int8Group128,
        _ => ActivationForm.Bf16,
    };
}
