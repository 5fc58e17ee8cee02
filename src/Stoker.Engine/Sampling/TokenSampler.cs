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

    /// <param name="logits">The row, of the tokens that the tokenizer knows; changed.</param>
    /// <param name="position">Of the token to draw.</param>
    /// <param name="masked">Tokens that must not be drawn.</param>
    public int Choose(Span<float> logits, int position, ReadOnlySpan<int> masked, SamplingScratch scratch)
    {
        Penalise(logits);
        foreach (var (id, bias) in _settings.LogitBias) logits[id] += (float)bias;
        foreach (var id in masked) logits[id] = float.NegativeInfinity;
        var token = _settings.Temperature == 0 ? Highest(logits) : Draw(logits, position, scratch);
        return token >= 0 && float.IsFinite(logits[token])
            ? token
            : throw new InvalidOperationException("No token can be chosen: every logit is masked, infinite or not a number.");
    }

    /// <summary>The token is now part of the output.</summary>
    public void Observe(int token)
    {
        if (_settings.HasPenalties) _outputCounts[token] = _outputCounts.GetValueOrDefault(token) + 1;
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

    private static int Highest(ReadOnlySpan<float> logits)
    {
        var best = -1;
        for (var id = 0; id < logits.Length; id++)
        {
            if (logits[id] > float.NegativeInfinity && (best < 0 || logits[id] > logits[best])) best = id;
        }
        return best;
    }

    private int Draw(ReadOnlySpan<float> logits, int position, SamplingScratch scratch)
    {
        var highest = Highest(logits);
        if (highest < 0 || float.IsInfinity(logits[highest])) return -1;
        var uniform = Philox.Uniform(_settings.Seed, _choice, position);
        var count = _settings.TopK == 0 && _settings.TopP == 1
            ? WeighAll(logits, logits[highest], scratch)
            : WeighHighest(logits, logits[highest], scratch);
        return Pick(scratch, count, uniform);
    }

    // Without top_k and top_p no order is needed: one pass in id order.
    private int WeighAll(ReadOnlySpan<float> logits, float highest, SamplingScratch scratch)
    {
        var count = 0;
        for (var id = 0; id < logits.Length; id++)
        {
            if (!(logits[id] > float.NegativeInfinity)) continue;
            var weight = Weight(logits[id], highest);
            if (weight < _settings.MinP) continue;
            (scratch.Ids[count], scratch.Weights[count]) = (id, weight);
            count++;
        }
        return count;
    }

    private int WeighHighest(ReadOnlySpan<float> logits, float highest, SamplingScratch scratch)
    {
        scratch.Heap.Fill(logits, scratch.Logits);
        var count = _settings.TopK > 0
            ? Nucleus(TakeHighest(logits, highest, scratch), scratch)
            : TakeNucleus(logits, highest, scratch);
        while (count > 1 && scratch.Weights[count - 1] < _settings.MinP) count--; // the most likely token's weight is 1
        return count;
    }

    private int TakeHighest(ReadOnlySpan<float> logits, float highest, SamplingScratch scratch)
    {
        var count = Math.Min(_settings.TopK, scratch.Heap.Count);
        for (var index = 0; index < count; index++) TakeOne(index, logits, highest, scratch);
        return count;
    }

    private int TakeNucleus(ReadOnlySpan<float> logits, float highest, SamplingScratch scratch)
    {
        var wanted = _settings.TopP * TotalWeight(logits, highest);
        var (count, sum) = (0, 0.0);
        while (scratch.Heap.Count > 0 && (count == 0 || sum < wanted)) sum += TakeOne(count++, logits, highest, scratch);
        return count;
    }

    private double TakeOne(int index, ReadOnlySpan<float> logits, float highest, SamplingScratch scratch)
    {
        var id = scratch.Heap.Take();
        scratch.Ids[index] = id;
        return scratch.Weights[index] = Weight(logits[id], highest);
    }

    private double TotalWeight(ReadOnlySpan<float> logits, float highest)
    {
        var sum = 0.0;
        foreach (var logit in logits)
        {
            if (logit > float.NegativeInfinity) sum += Weight(logit, highest);
        }
        return sum;
    }

    /// <summary>The fewest of the top_k tokens that hold top_p of their sum.</summary>
    private int Nucleus(int most, SamplingScratch scratch)
    {
        if (_settings.TopP == 1) return most;
        var weights = scratch.Weights.AsSpan(0, most);
        var total = 0.0;
        foreach (var weight in weights) total += weight;
        var (count, sum) = (0, 0.0);
        while (count < most && (count == 0 || sum < _settings.TopP * total)) sum += weights[count++];
        return count;
    }

    private static int Pick(SamplingScratch scratch, int count, double uniform)
    {
        var total = 0.0;
        for (var index = 0; index < count; index++) total += scratch.Weights[index];
        var left = uniform * total;
        for (var index = 0; index < count - 1; index++)
        {
            left -= scratch.Weights[index];
            if (left < 0) return scratch.Ids[index];
        }
        return scratch.Ids[count - 1];
    }

    private double Weight(float logit, float highest) => Math.Exp(((double)logit - highest) / _settings.Temperature);
}
