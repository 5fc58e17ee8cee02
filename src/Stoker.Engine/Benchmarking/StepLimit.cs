using Stoker.Engine.Kernels;
using Stoker.Engine.Models;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Benchmarking;

/// <summary>What the machine gave when it was asked: bytes, and operations a second by the form of the activations.</summary>
internal sealed record MachineRates(double ReadBytes, double Float32, double? Bf16, double? Int8)
{
    public static MachineRates Measure(MachineProbe probe) =>
        new(probe.ReadBytesPerSecond(), probe.Float32PerSecond(), probe.Bf16PerSecond(), probe.Int8PerSecond());

    /// <summary>Of the instruction that multiplies weights with activations of this form.</summary>
    public double Of(ActivationForm form) => form switch
    {
        ActivationForm.Bf16 when Bf16 is { } rate => rate,
        ActivationForm.Int8Group128 or ActivationForm.Int8Group32 when Int8 is { } rate => rate,
        ActivationForm.Int16Group128 => 2 * Float32, // twice the lanes of a float32 multiply-add, at its rate
        _ => Float32,
    };
}

/// <summary>The shortest time that a machine needs for some work of a model.</summary>
internal static class StepLimit
{
    /// <param name="steps">Times that the weights are read.</param>
    /// <param name="rows">Tokens that go through the layers, all steps together.</param>
    /// <param name="logitRows">Of them, those whose logits are wanted.</param>
    public static (double Seconds, BenchmarkLimit By) For(
        ModelWork work, MachineRates rates, Func<WeightFormat, ActivationForm> formOf, int steps, long rows, long logitRows)
    {
        var memory = (double)work.WeightBytes * steps / rates.ReadBytes;
        var arithmetic = 2.0 * work.Head.MultiplyAdds * logitRows / rates.Of(formOf(work.Head.Format));
        foreach (var (format, multiplyAdds) in work.Layers)
        {
            arithmetic += 2.0 * multiplyAdds * rows / rates.Of(formOf(format));
        }

        return memory >= arithmetic ? (memory, BenchmarkLimit.Memory) : (arithmetic, BenchmarkLimit.Arithmetic);
    }

    /// <summary>The format of most multiply-adds.</summary>
    public static WeightFormat MainFormat(ModelWork work) => work.Layers.MaxBy(entry => entry.Value).Key;
}
