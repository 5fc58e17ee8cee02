using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Stoker.Engine.Sampling;

/// <summary>Passes over a row of logits, 16 at a time. NaN and -inf are tokens that never come.</summary>
/// <remarks>
/// Every sum runs in double over 8 lanes whatever the CPU's vectors are: its order depends on the row's length alone. A
/// row of 128k logits is 0.5 MB, so a pass costs about what reading it from the second-level cache costs. Loops are compiled
/// optimised at once: beside spinning kernel threads the tiered compiler finds no time.
/// </remarks>
internal static class RowMath
{
    /// <summary>Logits whose weights are summed together before they join the total: they stay in the first cache.</summary>
    public const int BlockLength = 512;

    private const int Lanes = 16;

    /// <summary>exp of less is below 1e-304, nothing beside the weight 1 that the highest logit has.</summary>
    private const double LeastExponent = -700;

    /// <summary>The highest logit's id, the lowest one on ties; -1 where no token can come.</summary>
    public static int Highest(ReadOnlySpan<float> row)
    {
        var highest = Max(row);
        return highest > float.NegativeInfinity ? FirstIndexOf(row, highest) : -1;
    }

    /// <summary>The highest logit; -inf where no token can come.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Max(ReadOnlySpan<float> row)
    {
        var lowest = Vector512.Create(float.NegativeInfinity);
        var (a, b, c, d) = (lowest, lowest, lowest, lowest);
        var index = 0;
        for (; index <= row.Length - (4 * Lanes); index += 4 * Lanes)
        {
            a = Higher(Vector512.Create(row.Slice(index, Lanes)), a);
            b = Higher(Vector512.Create(row.Slice(index + Lanes, Lanes)), b);
            c = Higher(Vector512.Create(row.Slice(index + (2 * Lanes), Lanes)), c);
            d = Higher(Vector512.Create(row.Slice(index + (3 * Lanes), Lanes)), d);
        }
        for (; index <= row.Length - Lanes; index += Lanes) a = Higher(Vector512.Create(row.Slice(index, Lanes)), a);
        a = Higher(Higher(a, b), Higher(c, d));
        var highest = float.NegativeInfinity;
        for (var lane = 0; lane < Lanes; lane++) highest = a[lane] > highest ? a[lane] : highest;
        for (; index < row.Length; index++) highest = row[index] > highest ? row[index] : highest;
        return highest;
    }

    /// <summary>Bit i is set where row[start + i] is above the bound; at most 16 of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Above(ReadOnlySpan<float> row, int start, float bound)
    {
        if (start <= row.Length - Lanes)
        {
            return (uint)Vector512.GreaterThan(Vector512.Create(row.Slice(start, Lanes)), Vector512.Create(bound)).ExtractMostSignificantBits();
        }
        var bits = 0u;
        for (var index = start; index < row.Length; index++) bits |= (row[index] > bound ? 1u : 0u) << (index - start);
        return bits;
    }

    /// <summary>exp((logit - highest) / temperature) of each logit; 0 for a token that never comes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Weigh(ReadOnlySpan<float> logits, float highest, double temperature, Span<double> weights)
    {
        var index = 0;
        for (; index <= logits.Length - Lanes; index += Lanes)
        {
            var (low, high) = Weigh(Vector512.Create(logits.Slice(index, Lanes)), highest, temperature);
            low.CopyTo(weights.Slice(index, Lanes / 2));
            high.CopyTo(weights.Slice(index + (Lanes / 2), Lanes / 2));
        }
        if (index == logits.Length) return;
        Span<float> rest = stackalloc float[Lanes]; // by the same vector code, so that a logit's weight is the same at any place
        Span<double> result = stackalloc double[Lanes];
        rest.Fill(float.NegativeInfinity);
        logits[index..].CopyTo(rest);
        var (restLow, restHigh) = Weigh(Vector512.Create<float>(rest), highest, temperature);
        restLow.CopyTo(result);
        restHigh.CopyTo(result[(Lanes / 2)..]);
        result[..(logits.Length - index)].CopyTo(weights[index..]);
    }

    /// <summary>The sum of all weights, block by block in the row's order.</summary>
    public static double TotalWeight(ReadOnlySpan<float> row, float highest, double temperature)
    {
        Span<double> weights = stackalloc double[BlockLength];
        var total = 0.0;
        for (var start = 0; start < row.Length; start += BlockLength)
        {
            var block = row[start..Math.Min(start + BlockLength, row.Length)];
            Weigh(block, highest, temperature, weights);
            total += Sum(weights[..block.Length]);
        }
        return total;
    }

    /// <summary>Eight lanes, then the lanes, then what is left over.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Sum(ReadOnlySpan<double> values)
    {
        var lanes = Vector512<double>.Zero;
        var index = 0;
        for (; index <= values.Length - 8; index += 8) lanes += Vector512.Create(values.Slice(index, 8));
        var sum = Vector512.Sum(lanes);
        for (; index < values.Length; index++) sum += values[index];
        return sum;
    }

    /// <summary>Weights below the least become 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void DropBelow(Span<double> weights, double least)
    {
        var bound = Vector512.Create(least);
        var index = 0;
        for (; index <= weights.Length - 8; index += 8)
        {
            var values = Vector512.Create<double>(weights.Slice(index, 8));
            (values & Vector512.GreaterThanOrEqual(values, bound)).CopyTo(weights.Slice(index, 8));
        }
        for (; index < weights.Length; index++)
        {
            if (weights[index] < least) weights[index] = 0;
        }
    }

    // False for NaN, so a NaN never replaces what is there.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Higher(Vector512<float> candidate, Vector512<float> best) =>
        Vector512.ConditionalSelect(Vector512.GreaterThan(candidate, best), candidate, best);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int FirstIndexOf(ReadOnlySpan<float> row, float value)
    {
        var wanted = Vector512.Create(value);
        var index = 0;
        for (; index <= row.Length - Lanes; index += Lanes)
        {
            var found = Vector512.Equals(Vector512.Create(row.Slice(index, Lanes)), wanted).ExtractMostSignificantBits();
            if (found != 0) return index + BitOperations.TrailingZeroCount(found);
        }
        while (row[index] != value) index++;
        return index;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<double> Low, Vector512<double> High) Weigh(Vector512<float> logits, float highest, double temperature)
    {
        var (low, high) = Vector512.Widen(logits);
        return (Weigh(low, highest, temperature), Weigh(high, highest, temperature));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<double> Weigh(Vector512<double> logits, double highest, double temperature)
    {
        var exponents = (logits - Vector512.Create(highest)) / Vector512.Create(temperature);
        var least = Vector512.Create(LeastExponent);
        var counts = Vector512.GreaterThan(exponents, least); // false for NaN

        // Only arguments in range reach Exp, whose way out of range is one by one.
        return Vector512.Exp(Vector512.ConditionalSelect(counts, exponents, least)) & counts.AsDouble();
    }
}
