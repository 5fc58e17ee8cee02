namespace Stoker.Simulation.Traces;

/// <summary>
/// Random numbers that a seed fixes on every machine and every runtime, which the runtime's own generator does not
/// promise: SplitMix64, and the few laws that traces need.
/// </summary>
internal sealed class Draws(ulong seed)
{
    private ulong _state = seed;

    /// <summary>Independent draws for one of many, such as a client of a set.</summary>
    public static Draws For(ulong seed, string name)
    {
        var hash = 14695981039346656037UL; // FNV-1a
        foreach (var letter in name) hash = (hash ^ letter) * 1099511628211UL;
        return new(hash ^ new Draws(seed).Next());
    }

    public ulong Next()
    {
        var z = _state += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }

    /// <summary>From 0 up to and without 1.</summary>
    public double Unit() => (Next() >> 11) * (1.0 / (1UL << 53));

    /// <summary>A Weibull variable of scale 1.</summary>
    public double Weibull(double shape) => Math.Pow(-Math.Log(1 - Unit()), 1 / shape);

    /// <summary>A Gamma variable of scale 1, by the method of Marsaglia and Tsang.</summary>
    public double Gamma(double shape)
    {
        if (shape < 1) return Gamma(shape + 1) * Math.Pow(1 - Unit(), 1 / shape);
        var d = shape - (1.0 / 3);
        var c = 1 / Math.Sqrt(9 * d);
        while (true)
        {
            var x = Normal();
            var v = Math.Pow(1 + (c * x), 3);
            if (v > 0 && Math.Log(1 - Unit()) < (0.5 * x * x) + d - (d * v) + (d * Math.Log(v))) return d * v;
        }
    }

    private double Normal() => Math.Sqrt(-2 * Math.Log(1 - Unit())) * Math.Cos(2 * Math.PI * Unit());
}
