using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Stoker.Engine.Sampling;

/// <summary>
/// Draws from a nucleus of any size without putting the row in order: weights are added up by levels of their logit, and
/// only the two levels that matter are sorted, the one where the nucleus ends and the one that the draw falls in.
/// </summary>
/// <remarks>Three passes over the row, whatever it looks like; sorting 100k tokens would take milliseconds.</remarks>
internal readonly ref struct WeightLevels
{
    private const int Count = 2048; // their sums fit the first cache, and of 128k tokens some tens share a level
    private const int Lanes = 16;

    private readonly ReadOnlySpan<float> _row;
    private readonly SamplingScratch _scratch;
    private readonly float _highest, _levelsPerLogit;
    private readonly double _temperature;

    /// <param name="least">A weight that no token of the nucleus is below.</param>
    private WeightLevels(ReadOnlySpan<float> row, float highest, double temperature, double least, SamplingScratch scratch)
    {
        _row = row;
        (_highest, _temperature, _scratch) = (highest, temperature, scratch);
        _levelsPerLogit = (float)((Count - 1) / (temperature * -Math.Log(Math.Max(least, double.Epsilon))));
    }

    /// <summary>A token of the fewest that hold the wanted weight.</summary>
    /// <param name="total">Of all tokens.</param>
    public static int Draw(
        ReadOnlySpan<float> row, float highest, double temperature, double total, double wanted, double uniform, SamplingScratch scratch)
    {
        // Tokens below this weight sum up to less than half of what the nucleus leaves out. Half, for the rounding.
        var least = Math.Min((total - wanted) / (2.0 * row.Length), 0.5);
        var levels = new WeightLevels(row, highest, temperature, least, scratch);
        Span<double> sums = stackalloc double[Count];
        levels.AddUp(sums);

        var (end, before) = (0, 0.0);
        while (end < Count - 1 && before + sums[end] < wanted) before += sums[end++];
        var kept = levels.Sort(end);
        var nucleus = before;
        for (var index = 0; index < kept; index++)
        {
            nucleus += scratch.Weights[index];
            if (nucleus >= wanted) kept = index + 1;
        }

        var (left, filled) = (uniform * nucleus, end);
        for (var level = 0; level < end; level++)
        {
            if (left < sums[level]) return levels.Pick(levels.Sort(level), left);
            left -= sums[level];
            if (sums[level] > 0) filled = level;
        }
        if (kept > 0) return levels.Pick(kept, left);
        return levels.Pick(levels.Sort(filled), double.PositiveInfinity); // all are in it, and rounding led past the last one
    }

    private int Pick(int count, double left) => HighestTokens.Id(_scratch.Keys[TokenSampler.Walk(_scratch.Weights.AsSpan(0, count), left)]);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddUp(Span<double> sums)
    {
        Span<double> weights = stackalloc double[RowMath.BlockLength];
        Span<int> levels = stackalloc int[Lanes];
        sums.Clear();
        for (var start = 0; start < _row.Length; start += RowMath.BlockLength)
        {
            var block = _row[start..Math.Min(start + RowMath.BlockLength, _row.Length)];
            RowMath.Weigh(block, _highest, _temperature, weights);
            for (var index = 0; index < block.Length; index += Lanes)
            {
                LevelsOf(start + index).CopyTo(levels);
                var count = Math.Min(Lanes, block.Length - index);
                for (var lane = 0; lane < count; lane++) sums[levels[lane]] += weights[index + lane];
            }
        }
    }

    /// <summary>The keys of a level's tokens in order, and their weights.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int Sort(int level)
    {
        var found = 0;
        for (var start = 0; start < _row.Length; start += Lanes)
        {
            var members = (uint)Vector512.Equals(LevelsOf(start), Vector512.Create(level)).ExtractMostSignificantBits();
            members &= RowMath.Above(_row, start, float.NegativeInfinity); // neither what never comes nor what lies past the end
            for (; members != 0; members &= members - 1)
            {
                var id = start + BitOperations.TrailingZeroCount(members);
                _scratch.Keys[found++] = HighestTokens.Key(_row[id], id);
            }
        }
        HighestTokens.Sort(found, _scratch);
        TokenSampler.WeighKeys(_row, _highest, _temperature, found, _scratch);
        return found;
    }

    // Falls as the logit rises, so a level holds neighbours in order. The last level is for all that is too low.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Vector512<int> LevelsOf(int start)
    {
        var logits = start <= _row.Length - Lanes ? Vector512.Create(_row.Slice(start, Lanes)) : Rest(start);
        var below = (Vector512.Create(_highest) - logits) * _levelsPerLogit;
        var last = Vector512.Create((float)(Count - 1));
        return Vector512.ConvertToInt32(Vector512.ConditionalSelect(Vector512.LessThan(below, last), below, last)); // NaN: the last
    }

    private Vector512<float> Rest(int start)
    {
        Span<float> rest = stackalloc float[Lanes];
        rest.Fill(float.NegativeInfinity);
        _row[start..].CopyTo(rest);
        return Vector512.Create<float>(rest);
    }
}
