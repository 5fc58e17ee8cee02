using FsCheck;
using FsCheck.Fluent;
using Stoker.Engine.Sampling;

namespace Stoker.Engine.Tests.Sampling;

public sealed class TokenSamplerTests
{
    private static readonly float[] Logits = [1f, 3f, 2f, 0f, -1f, 2.5f];

    [Fact]
    public void Temperature_zero_takes_the_highest_logit_and_the_lowest_id_on_ties()
    {
        Choose([1, 5, 2], new() { Temperature = 0 }).ShouldBe(1);
        Choose([1, 5, 2, 5], new() { Temperature = 0 }).ShouldBe(1);
        Choose([float.NaN, -3, float.NegativeInfinity], new() { Temperature = 0 }).ShouldBe(1);
    }

    [Fact]
    public void Without_options_tokens_come_with_their_softmax_probabilities() => Matches(new(), Softmax(Logits));

    [Theory]
    [InlineData(0.5)]
    [InlineData(2)]
    public void Temperature_divides_the_logits(double temperature) =>
        Matches(new() { Temperature = temperature }, Softmax([.. Logits.Select(logit => (float)(logit / temperature))]));

    [Fact]
    public void Top_k_keeps_the_k_highest() => Matches(new() { TopK = 3 }, Only(Softmax(Logits), 1, 5, 2));

    [Fact]
    public void Top_k_prefers_the_lower_id_on_ties() =>
        Drawn(new() { TopK = 2 }, [1, 1, 1, 1]).ShouldBe([0, 1], ignoreOrder: true);

    [Fact]
    public void Top_p_keeps_the_fewest_tokens_that_reach_the_sum()
    {
        var half = MathF.Log(2);
        float[] quarters = [3 * half, 2 * half, half, half]; // 0.5, 0.25, 0.125, 0.125
        Drawn(new() { TopP = 0.4 }, quarters).ShouldBe([0]);
        Drawn(new() { TopP = 0.6 }, quarters).ShouldBe([0, 1], ignoreOrder: true);
        Drawn(new() { TopP = 0.8 }, quarters).ShouldBe([0, 1, 2], ignoreOrder: true);
        Drawn(new() { TopP = 1e-9 }, quarters).ShouldBe([0]);
        Matches(new() { TopP = 0.8 }, Only(Softmax(quarters), 0, 1, 2), quarters);
    }

    [Fact]
    public void Top_p_is_taken_of_what_top_k_left()
    {
        // Of {1, 5, 2} alone token 1 has 0.51 and tokens 1 and 5 have 0.81; of all tokens they have 0.74.
        Drawn(new() { TopK = 3, TopP = 0.78 }, Logits).ShouldBe([1, 5], ignoreOrder: true);
        Drawn(new() { TopP = 0.78 }, Logits).ShouldBe([1, 5, 2], ignoreOrder: true);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    public void Min_p_is_a_share_of_the_most_likely_token(int topK)
    {
        // Against token 1: 5 has 0.61, 2 has 0.37, 0 has 0.14.
        Drawn(new() { MinP = 0.3, TopK = topK }, Logits).ShouldBe([1, 5, 2], ignoreOrder: true);
        Drawn(new() { MinP = 1, TopK = topK }, Logits).ShouldBe([1]);
        Matches(new() { MinP = 0.3, TopK = topK }, Only(Softmax(Logits), 1, 5, 2));
    }

    [Fact]
    public void Repetition_penalty_counts_prompt_and_output_once_each()
    {
        var sampler = New(new() { Temperature = 0, RepetitionPenalty = 2 }, prompt: [1]);
        Choose(sampler, Logits).ShouldBe(5); // 3 / 2 is below 2.5
        sampler.Observe(5);
        sampler.Observe(1);
        Choose(sampler, Logits).ShouldBe(2); // 1.5, 1.25, 2
        // negative ones are multiplied
        Choose(New(new() { Temperature = 0, RepetitionPenalty = 2 }, prompt: [0]), [-1, -1.5f]).ShouldBe(1);
    }

    [Fact]
    public void Presence_and_frequency_penalty_count_the_output_only()
    {
        Choose(New(new() { Temperature = 0, PresencePenalty = 2, FrequencyPenalty = 2 }, prompt: [1, 1]), Logits).ShouldBe(1);

        var presence = New(new() { Temperature = 0, PresencePenalty = 0.4 });
        presence.Observe(1);
        presence.Observe(1);
        Choose(presence, Logits).ShouldBe(1); // 2.6, however often

        var frequency = New(new() { Temperature = 0, FrequencyPenalty = 0.4 });
        frequency.Observe(1);
        Choose(frequency, Logits).ShouldBe(1); // 2.6
        frequency.Observe(1);
        Choose(frequency, Logits).ShouldBe(5); // 2.2
    }

    [Fact]
    public void Negative_penalties_reward() =>
        Choose(Observed(New(new() { Temperature = 0, PresencePenalty = -2 }), 5), Logits).ShouldBe(5);

    [Fact]
    public void Logit_bias_is_added_after_the_penalties()
    {
        var options = new SamplingOptions { Temperature = 0, RepetitionPenalty = 2, LogitBias = new Dictionary<int, double> { [3] = 2.6, [1] = 1 } };
        Choose(New(options, prompt: [1, 3]), Logits).ShouldBe(3); // 0 * 2 + 2.6 against 3 / 2 + 1 and 2.5
        Choose(New(new() { LogitBias = new Dictionary<int, double> { [4] = 100 } }), Logits).ShouldBe(4);
    }

    [Fact]
    public void Masked_tokens_are_never_drawn()
    {
        for (var position = 0; position < 200; position++)
        {
            Choose(New(new()), Logits, position, 1, 5).ShouldNotBeOneOf(1, 5);
        }
        Choose(New(new() { Temperature = 0 }), Logits, 0, 1).ShouldBe(5);
        Choose(New(new() { Temperature = 0, LogitBias = new Dictionary<int, double> { [1] = 100 } }), Logits, 0, 1).ShouldBe(5);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.NegativeInfinity)]
    [InlineData(float.PositiveInfinity)]
    public void A_row_without_a_token_to_choose_is_an_error(float value)
    {
        foreach (var temperature in new[] { 0.0, 1.0 })
        {
            Should.Throw<InvalidOperationException>(() => Choose([value, value, value], new() { Temperature = temperature }));
        }
    }

    [Fact]
    public void All_options_together_keep_their_order()
    {
        var options = new SamplingOptions
        {
            Temperature = 0.5,
            TopK = 4,
            TopP = 0.99,
            MinP = 0.05,
            RepetitionPenalty = 1.5,
            PresencePenalty = 0.5,
            FrequencyPenalty = 0.25,
            LogitBias = new Dictionary<int, double> { [3] = 2 },
        };
        // Penalties: 1 -> 3 / 1.5 - 0.5 - 2 * 0.25 = 1 (output twice); 2 -> 2 / 1.5 (prompt). Bias: 3 -> 2. Then 0: 1,
        // 4: -1, 5: 2.5. Halved temperature: weights against 5: 3 e^-1, 2 e^-2.33, 0 and 1 e^-3 (0.05 <= 0.0498? no).
        // top_k 4 keeps 5, 3, 2, 0.
        float[] scaled = [2f, 2f, 8f / 3, 4f, -2f, 5f];
        Matches(options, Only(Softmax(scaled), 5, 3, 2), Logits, sampler => Observed(sampler, 1, 1), prompt: [2]);
    }

    [Fact]
    public void A_temperature_that_is_lost_beside_the_logits_leaves_the_most_likely_ones()
    {
        float[] ties = [.. Enumerable.Repeat(20f, 600), 19.5f];
        Drawn(new() { Temperature = 1e-9, TopP = 0.9, MinP = 0.1 }, ties).ShouldAllBe(id => id < 600);
    }

    [Fact]
    public void A_nucleus_of_all_tokens_has_a_last_one_however_sums_are_rounded()
    {
        for (var seed = 0; seed < 200; seed++)
        {
            var random = new Random(seed);
            var row = new float[600];
            for (var id = 0; id < row.Length; id++) row[id] = -random.NextSingle();
            var (highest, scratch) = (RowMath.Max(row), new SamplingScratch(row.Length));
            var total = RowMath.TotalWeight(row, highest, temperature: 1) * (1 + 1e-15); // another order of summing would give it
            var chosen = WeightLevels.Draw(row, highest, 1, total, wanted: total, Math.BitDecrement(1.0), scratch);
            row[chosen].ShouldBeLessThan(-0.9f, $"seed {seed}"); // the end of the order
        }
    }

    [Fact]
    public void A_draw_is_a_function_of_seed_choice_and_position()
    {
        var draws =
            Enumerable.Range(0, 50).Select(position => Choose(New(new() { Seed = 5 }), Logits, position)).ToList();
        Enumerable.Range(0, 50).Select(position => Choose(New(new() { Seed = 5 }), Logits, position)).ShouldBe(draws);
        Enumerable.Range(0, 50).Select(position => Choose(New(new() { Seed = 6 }), Logits, position)).ShouldNotBe(draws);
        Enumerable.Range(0, 50).Select(position => Choose(New(new() { Seed = 5 }, choice: 1), Logits, position)).ShouldNotBe(draws);
    }

    /// <summary>Options: any mix of temperature, top_k, top_p and min_p, on rows that are flat, steep or full of ties.</summary>
    [Fact]
    public void A_choice_is_that_of_the_plain_rules() => Prop.ForAll<int>(seed =>
    {
        var random = new Random(seed);
        var logits = RandomRow(random, length: 1 + random.Next(random.Next(2) == 0 ? 60 : 4000));
        var options = new SamplingOptions
        {
            Seed = seed,
            Temperature = random.Next(5) == 0 ? 0 : 0.05 + (random.NextDouble() * 1.9),
            TopK = random.Next(2) == 0 ? 0 : 1 + random.Next(2 * logits.Length),
            TopP = random.Next(2) == 0 ? 1 : 1 - (random.NextDouble() * random.NextDouble()),
            MinP = random.Next(3) == 0 ? random.NextDouble() * random.NextDouble() : 0,
        };
        var settings = SamplingSettings.From(options.Over(SamplingOptions.ApiDefaults), logits.Length, () => 1);
        var (sampler, scratch) = (new TokenSampler(settings, 2, []), new SamplingScratch(logits.Length));
        for (var position = 0; position < 20; position++)
        {
            var (plain, margin) = PlainSampler.Choose(logits, settings, 2, position);
            if (margin < 1e-9) continue; // rounding may tip it
            sampler.Choose(logits, position, [], scratch).ShouldBe(plain, $"seed {seed}, position {position}, {options}");
        }
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void Choosing_allocates_nothing_and_leaves_the_row_as_it_is()
    {
        var logits = RandomRow(new(1), 5000);
        var scratch = new SamplingScratch(logits.Length);
        TokenSampler[] samplers =
        [
            .. new SamplingOptions[]
            {
                new() { Temperature = 0 }, new(), new() { TopK = 40 }, new() { TopP = 0.9 }, new() { TopP = 0.999 }, new() { MinP = 0.1 },
                new() { Temperature = 2, TopP = 0.99, MinP = 0.001 },
                new() { LogitBias = new Dictionary<int, double> { [3] = 100 } },
            }.Select(options => New(options)),
        ];
        float[] before = [.. logits];
        for (var round = 0; round < 2; round++)
        {
            var allocated = GC.GetAllocatedBytesForCurrentThread();
            foreach (var sampler in samplers) sampler.Choose(logits, round, [], scratch);
            if (round > 0) (GC.GetAllocatedBytesForCurrentThread() - allocated).ShouldBe(0);
        }
        logits.AsSpan().SequenceEqual(before).ShouldBeTrue();
    }

    /// <summary>
    /// Draws at many positions and compares the counts with exact probabilities by their standard deviations.
    /// </summary>
    private static void Matches(
        SamplingOptions options, double[] expected, float[]? logits = null, Func<TokenSampler, TokenSampler>? prepare = null, int[]? prompt = null)
    {
        const int Draws = 20_000;
        var sampler = New(options with { Seed = 11 }, prompt);
        sampler = prepare?.Invoke(sampler) ?? sampler;
        var counts = new int[expected.Length];
        for (var position = 0; position < Draws; position++) counts[Choose(sampler, logits ?? Logits, position)]++;
        for (var id = 0; id < expected.Length; id++)
        {
            var deviation = Math.Sqrt(Draws * expected[id] * (1 - expected[id]));
            Math.Abs(counts[id] - (Draws * expected[id])).ShouldBeLessThanOrEqualTo(4 * deviation, $"token {id} of {string.Join(' ', counts)}");
        }
    }

    private static float[] RandomRow(Random random, int length)
    {
        var (spread, ties) = (random.Next(3) switch { 0 => 0.5, 1 => 8, _ => 40 }, random.Next(3) == 0);
        var row = new float[length];
        for (var id = 0; id < length; id++)
        {
            var value = (float)((random.NextDouble() - 0.5) * spread);
            row[id] = id > 0 && random.Next(20) == 0 ? float.NegativeInfinity : ties ? MathF.Round(value) : value;
        }
        return row;
    }

    private static HashSet<int> Drawn(SamplingOptions options, float[] logits)
    {
        var sampler = New(options with { Seed = 3 });
        return [.. Enumerable.Range(0, 2000).Select(position => Choose(sampler, logits, position))];
    }

    private static int Choose(float[] logits, SamplingOptions options) => Choose(New(options), logits);

    private static int Choose(TokenSampler sampler, float[] logits, int position = 0, params int[] masked) =>
        sampler.Choose([.. logits], position, masked, new(logits.Length));

    private static TokenSampler Observed(TokenSampler sampler, params int[] tokens)
    {
        foreach (var token in tokens) sampler.Observe(token);
        return sampler;
    }

    private static TokenSampler New(SamplingOptions options, int[]? prompt = null, int choice = 0) =>
        new(SamplingSettings.From(options.Over(SamplingOptions.ApiDefaults), 100, () => 1), choice, prompt ?? []);

    private static double[] Softmax(float[] logits)
    {
        var weights = logits.Select(logit => Math.Exp(logit)).ToArray();
        return [.. weights.Select(weight => weight / weights.Sum())];
    }

    private static double[] Only(double[] probabilities, params int[] kept)
    {
        var sum = kept.Sum(id => probabilities[id]);
        return [.. probabilities.Select((value, id) => kept.Contains(id) ? value / sum : 0)];
    }
}
