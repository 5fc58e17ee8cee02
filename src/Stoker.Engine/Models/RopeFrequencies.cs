namespace Stoker.Engine.Models;

/// <summary>
/// The angles of one rope kind: angle(position, i) = position · Inverse[i]; cos and sin are multiplied by <see
/// cref="Magnitude"/>.
/// </summary>
/// <remarks>
/// Computed in double and rounded once. Which factors apply to dynamic and longrope follows from the context that is
/// served, not from the length of a sequence: keys in the cache stay right while a sequence grows past the original
/// context.
/// </remarks>
internal sealed class RopeFrequencies
{
    private RopeFrequencies(double[] inverse, double magnitude) =>
        (Inverse, Magnitude) = (Array.ConvertAll(inverse, value => (float)value), (float)magnitude);

    /// <summary>Radians per position, one per pair (rotated dimensions / 2).</summary>
    public float[] Inverse { get; }

    public float Magnitude { get; }

    /// <param name="rotatedDims">Dimensions of a head that turn; even.</param>
    /// <param name="servedContext">Positions that a sequence may reach.</param>
    public static RopeFrequencies Create(RopeParameters rope, int rotatedDims, int servedContext) => rope.Type switch
    {
        RopeType.Default => new(Series(rope.Theta, rotatedDims), 1),
        RopeType.Linear => new(Array.ConvertAll(Series(rope.Theta, rotatedDims), f => f / rope.Factor), 1),
        RopeType.Dynamic => new(Series(DynamicTheta(rope, rotatedDims, servedContext), rotatedDims), 1),
        RopeType.Llama3 => new(Array.ConvertAll(Series(rope.Theta, rotatedDims), f => Llama3(rope, f)), 1),
        RopeType.Yarn => new(Yarn(rope, rotatedDims), YarnMagnitude(rope)),
        RopeType.LongRope => LongRope(rope, rotatedDims, servedContext),
        _ => throw new ArgumentOutOfRangeException(nameof(rope), rope.Type, null),
    };

    /// <summary>
    /// cos and sin of one position, each [pairs]. The angle is float32, as in the models' training code.
    /// </summary>
    public void Fill(int position, Span<float> cos, Span<float> sin)
    {
        for (var i = 0; i < Inverse.Length; i++)
        {
            var (s, c) = Math.SinCos(position * Inverse[i]);
            (cos[i], sin[i]) = ((float)c * Magnitude, (float)s * Magnitude);
        }
    }

    private static double[] Series(double theta, int rotatedDims)
    {
        var inverse = new double[rotatedDims / 2];
        for (var i = 0; i < inverse.Length; i++)
        {
            inverse[i] = Math.Pow(theta, -2.0 * i / rotatedDims);
        }

        return inverse;
    }

    private static double DynamicTheta(RopeParameters rope, int dims, int servedContext)
    {
        var length = Math.Max(servedContext, rope.MaxPositions);
        var stretch = (rope.Factor * length / rope.MaxPositions) - (rope.Factor - 1);
        return rope.Theta * Math.Pow(stretch, dims / (dims - 2.0));
    }

    /// <summary>Long wavelengths are stretched by the factor, short ones kept, those between blended.</summary>
    private static double Llama3(RopeParameters rope, double frequency)
    {
        var wavelength = 2 * Math.PI / frequency;
        if (wavelength < rope.OriginalContext / rope.HighFrequencyFactor)
        {
            return frequency;
        }

        if (wavelength > rope.OriginalContext / rope.LowFrequencyFactor)
        {
            return frequency / rope.Factor;
        }

        var smooth = ((rope.OriginalContext / wavelength) - rope.LowFrequencyFactor)
            / (rope.HighFrequencyFactor - rope.LowFrequencyFactor);
        return ((1 - smooth) * frequency / rope.Factor) + (smooth * frequency);
    }

    /// <summary>
    /// Pairs that turn more than beta_fast times over the original context are kept, fewer than beta_slow are
    /// stretched.
    /// </summary>
    private static double[] Yarn(RopeParameters rope, int dims)
    {
        var (low, high) = (PairThatTurns(rope, dims, rope.BetaFast), PairThatTurns(rope, dims, rope.BetaSlow));
        if (rope.Truncate)
        {
            (low, high) = (Math.Floor(low), Math.Ceiling(high));
        }

        (low, high) = (Math.Max(low, 0), Math.Min(high, dims - 1));
        high = low == high ? high + 0.001 : high; // no division by zero
        var inverse = Series(rope.Theta, dims);
        for (var i = 0; i < inverse.Length; i++)
        {
            var ramp = Math.Clamp((i - low) / (high - low), 0, 1);
            inverse[i] = (inverse[i] / rope.Factor * ramp) + (inverse[i] * (1 - ramp));
        }

        return inverse;
    }

    private static double PairThatTurns(RopeParameters rope, int dims, double turns) =>
        dims * Math.Log(rope.OriginalContext / (turns * 2 * Math.PI)) / (2 * Math.Log(rope.Theta));

    private static double YarnMagnitude(RopeParameters rope)
    {
        if (rope.AttentionFactor is { } given)
        {
            return given;
        }

        // A scale of zero counts as absent, as in the formula's source.
        return rope is { MScale: > 0 and var scale, MScaleAllDim: > 0 and var allDims }
            ? YarnScale(rope.Factor, scale) / YarnScale(rope.Factor, allDims)
            : YarnScale(rope.Factor, 1);
    }

    private static double YarnScale(double factor, double scale) =>
        factor <= 1 ? 1 : (0.1 * scale * Math.Log(factor)) + 1;

    private static RopeFrequencies LongRope(RopeParameters rope, int dims, int servedContext)
    {
        var divisors = servedContext > rope.OriginalContext ? rope.LongFactors : rope.ShortFactors;
        var inverse = Series(rope.Theta, dims);
        for (var i = 0; i < inverse.Length; i++)
        {
            inverse[i] /= divisors[i];
        }

        var magnitude = rope.AttentionFactor
            ?? (rope.Factor <= 1 ? 1 : Math.Sqrt(1 + (Math.Log(rope.Factor) / Math.Log(rope.OriginalContext))));
        return new RopeFrequencies(inverse, magnitude);
    }
}
