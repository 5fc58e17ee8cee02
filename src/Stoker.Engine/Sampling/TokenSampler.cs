using System.Runtime.CompilerServices;

namespace Stoker.Engine.Sampling;

/// <summary>
/// Draws the tokens of one sequence. Its only state is which tokens the sequence has, for the penalties.
/// </summary>
/// <remarks>
/// On the row of logits, in this order:
/// 1. repetition penalty, on the tokens of prompt and output (positive logits divided, others multiplied);
/// 2. frequency and presence penalty, on the tokens of the output;
/// 3. logit bias;
/// 4. masks (end tokens before min_tokens);
/// 5. temperature 0: the highest logit, lowest id on ties. Else temperature, top_k, top_p of what top_k left, min_p against the
///    most likely token, and one uniform number of (seed, choice, position) picks from what is left.
/// Every sum runs in double in an order that only the row decides.
/// </remarks>
internal sealed class TokenSampler
{
    /// <summary>The nucleus of a usual row at top_p 0.9 has some tens of tokens; collecting 256 costs one pass.</summary>
    private const int FirstNucleus = 256;

    private readonly SamplingSettings _settings;
    private readonly int _choice;
    private readonly Dictionary<int, int> _outputCounts = []; // stays empty without penalties
    private readonly HashSet<int> _promptTokens = [];

    public TokenSampler(SamplingSettings settings, int choice, ReadOnlySpan<int> prompt)
    {
        (_settings, _choice) = (settings, choice);
        if (settings.RepetitionPenalty == 1) return;
        foreach (var id in prompt) _promptTokens.Add(id);
    }

    /// <param name="logits">The row, of the tokens that the tokenizer knows; only read.</param>
    /// <param name="position">Of the token to draw.</param>
    /// <param name="masked">Tokens that must not be drawn.</param>
    public int Choose(ReadOnlySpan<float> logits, int position, ReadOnlySpan<int> masked, SamplingScratch scratch)
    {
        var row = Adjust(logits, masked, scratch);
        var highest = RowMath.Highest(row);
        if (highest < 0 || !float.IsFinite(row[highest]))
        {
            throw new InvalidOperationException("No token can be chosen: every logit is masked, infinite or not a number.");
        }
        return _settings.Temperature == 0 ? highest : Draw(row, row[highest], position, scratch);
    }

    /// <summary>The token is now part of the output.</summary>
    public void Observe(int token)
    {
        if (_settings.HasPenalties) _outputCounts[token] = _outputCounts.GetValueOrDefault(token) + 1;
    }

    /// <summary>The row itself where nothing changes it, which saves copying half a megabyte.</summary>
    private ReadOnlySpan<float> Adjust(ReadOnlySpan<float> logits, ReadOnlySpan<int> masked, SamplingScratch scratch)
    {
        if (!_settings.HasPenalties && _settings.LogitBias.Length == 0 && masked.IsEmpty) return logits;
        var row = scratch.Logits.AsSpan(0, logits.Length);
        logits.CopyTo(row);
        Penalise(row);
        foreach (var (id, bias) in _settings.LogitBias) row[id] += (float)bias;
        foreach (var id in masked) row[id] = float.NegativeInfinity;
        return row;
    }

    private void Penalise(Span<float> logits)
    {
        if (!_settings.HasPenalties) return;
        var repetition = (float)_settings.RepetitionPenalty;
        foreach (var id in _promptTokens)
        {
            if (!_outputCounts.ContainsKey(id)) logits[id] = Repeated(logits[id], repetition);
        }
        foreach (var (id, count) in _outputCounts)
        {
            var logit = Repeated(logits[id], repetition);
            logits[id] = (float)(logit - (count * _settings.FrequencyPenalty) - _settings.PresencePenalty);
        }
    }

    private static float Repeated(float logit, float penalty) => logit > 0 ? logit / penalty : logit * penalty;

    private int Draw(ReadOnlySpan<float> row, float highest, int position, SamplingScratch scratch)
    {
        var uniform = Philox.Uniform(_settings.Seed, _choice, position);
        if (_settings.TopK == 0 && _settings.TopP == 1) return DrawFromAll(row, highest, uniform, scratch);
        if (_settings.TopK > 0) return DrawFromKeys(TakeHighest(row, highest, scratch), uniform, scratch);
        return DrawFromNucleus(row, highest, uniform, scratch);
    }

    private int DrawFromKeys(int count, double uniform, SamplingScratch scratch)
    {
        while (count > 1 && scratch.Weights[count - 1] < _settings.MinP) count--; // the most likely token's weight is 1
        var weights = scratch.Weights.AsSpan(0, count);
        var total = 0.0;
        foreach (var weight in weights) total += weight;
        return HighestTokens.Id(scratch.Keys[Walk(weights, uniform * total)]);
    }

    /// <summary>Without top_k and top_p no order is needed: tokens in id order, by the sums of their blocks.</summary>
    private int DrawFromAll(ReadOnlySpan<float> row, float highest, double uniform, SamplingScratch scratch)
    {
        Span<double> weights = stackalloc double[RowMath.BlockLength];
        var sums = scratch.Weights.AsSpan(0, (row.Length + RowMath.BlockLength - 1) / RowMath.BlockLength);
        var total = 0.0;
        for (var block = 0; block < sums.Length; block++) total += sums[block] = RowMath.Sum(WeighBlock(row, block, highest, weights));
        var left = uniform * total;
        var chosen = Walk(sums, ref left);
        return (chosen * RowMath.BlockLength) + Walk(WeighBlock(row, chosen, highest, weights), left);
    }

    private ReadOnlySpan<double> WeighBlock(ReadOnlySpan<float> row, int block, float highest, Span<double> weights)
    {
        var start = block * RowMath.BlockLength;
        var logits = row[start..Math.Min(start + RowMath.BlockLength, row.Length)];
        weights = weights[..logits.Length];
        RowMath.Weigh(logits, highest, _settings.Temperature, weights);
        if (_settings.MinP > 0) RowMath.DropBelow(weights, _settings.MinP);
        return weights;
    }

    private int TakeHighest(ReadOnlySpan<float> row, float highest, SamplingScratch scratch)
    {
        var count = HighestTokens.Take(row, _settings.TopK, scratch);
        WeighKeys(row, highest, _settings.Temperature, count, scratch);
        if (_settings.TopP == 1) return count;
        var total = 0.0;
        foreach (var weight in scratch.Weights.AsSpan(0, count)) total += weight;
        return Nucleus(scratch.Weights.AsSpan(0, count), _settings.TopP * total) ?? count;
    }

    /// <summary>The fewest of all tokens that hold top_p are mostly among a few hundred; if not, levels of weights tell.</summary>
    private int DrawFromNucleus(ReadOnlySpan<float> row, float highest, double uniform, SamplingScratch scratch)
    {
        var total = RowMath.TotalWeight(row, highest, _settings.Temperature);
        var wanted = _settings.TopP * total;
        var count = HighestTokens.Take(row, FirstNucleus, scratch);
        WeighKeys(row, highest, _settings.Temperature, count, scratch);
        if (Nucleus(scratch.Weights.AsSpan(0, count), wanted) is { } nucleus) return DrawFromKeys(nucleus, uniform, scratch);
        if (_settings.MinP == 0) return WeightLevels.Draw(row, highest, _settings.Temperature, total, wanted, uniform, scratch);

        // Only tokens that min_p leaves can be drawn; a little lower, for the rounding, and below the highest itself where the
        // temperature is lost beside it.
        var bound = (float)(highest + (_settings.Temperature * (Math.Log(_settings.MinP) - 0.01)));
        count = HighestTokens.TakeAbove(row, MathF.BitDecrement(MathF.Min(bound, highest)), scratch);
        WeighKeys(row, highest, _settings.Temperature, count, scratch);
        return DrawFromKeys(Nucleus(scratch.Weights.AsSpan(0, count), wanted) ?? count, uniform, scratch);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void WeighKeys(ReadOnlySpan<float> row, float highest, double temperature, int count, SamplingScratch scratch)
    {
        Span<float> logits = stackalloc float[RowMath.BlockLength];
        for (var start = 0; start < count; start += RowMath.BlockLength)
        {
            var block = logits[..Math.Min(RowMath.BlockLength, count - start)];
            for (var index = 0; index < block.Length; index++) block[index] = row[HighestTokens.Id(scratch.Keys[start + index])];
            RowMath.Weigh(block, highest, temperature, scratch.Weights.AsSpan(start, block.Length));
        }
    }

    /// <summary>How many of the weights, from the front and at least one, reach the sum; null when all do not.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int? Nucleus(ReadOnlySpan<double> weights, double wanted)
    {
        var sum = 0.0;
        for (var index = 0; index < weights.Length; index++)
        {
            sum += weights[index];
            if (sum >= wanted) return index + 1;
        }
        return null;
    }

    /// <summary>The entry in whose share of the sum <paramref name="left"/> lies.</summary>
    internal static int Walk(ReadOnlySpan<double> weights, double left) => Walk(weights, ref left);

    /// <summary>The same; what is left of it within the entry goes back.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int Walk(ReadOnlySpan<double> weights, ref double left)
    {
        var last = 0;
        for (var index = 0; index < weights.Length; index++)
        {
            if (left < weights[index]) return index;
            left -= weights[index];
            if (weights[index] > 0) last = index;
        }
        left = weights[last]; // rounding led past the end: the last one that can come
        return last;
    }
}
