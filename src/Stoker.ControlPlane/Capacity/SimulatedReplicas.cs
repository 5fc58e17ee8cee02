using System.Globalization;

namespace Stoker.ControlPlane.Capacity;

/// <summary>How simulated replicas on emulated accelerators behave.</summary>
/// <param name="Boot">From start to ready.</param>
/// <param name="TokensPerSecond">Of one sequence on one accelerator.</param>
public sealed record SimulatedReplicas(TimeSpan Boot, double TokensPerSecond)
{
    /// <summary>
    /// N accelerators give N^0.7 of the speed of one: cards that share a layer wait for each other. A figure of the
    /// simulation, in the range that is seen with tensor parallelism, and no measurement.
    /// </summary>
    private const double SpeedExponent = 0.7;

    public static double Speedup(int accelerators) => Math.Pow(accelerators, SpeedExponent);

    /// <summary>What <c>stoker replica --simulate</c> takes.</summary>
    public string Figures(int accelerators) => string.Create(
        CultureInfo.InvariantCulture, $"boot-seconds={Boot.TotalSeconds:0.###},decode-rate={TokensPerSecond * Speedup(accelerators):0.###}");
}
