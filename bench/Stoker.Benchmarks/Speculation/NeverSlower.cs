using System.Globalization;
using Stoker.Benchmarks.Measuring;

namespace Stoker.Benchmarks.Speculation;

/// <summary>Batches of 1 to 32 with acceptances from 0 to 0.8: adaptive speculation is to cost nothing where it gains nothing.</summary>
internal static class NeverSlower
{
    public static readonly int[] Batches = [1, 4, 16, 32];

    private const int MostRounds = 3, MostTokens = 32; // a batch of 32 takes seconds
    private static readonly double[] Acceptances = [0, 0.4, 0.8];

    public static async Task RunAsync(EnginePair pair, int[] batches, int rounds, int tokens)
    {
        (rounds, tokens) = (Math.Min(rounds, MostRounds), Math.Min(tokens, MostTokens));
        Console.WriteLine($"tokens/s with speculation by those without, medians of {rounds}; {tokens} tokens a sequence");
        var table = new Table([("batch", 6), ("none, tokens/s", 16), .. Acceptances.Select(value => ($"a = {value.ToString(CultureInfo.InvariantCulture)}", 18))]);
        var worst = double.PositiveInfinity;
        foreach (var batch in batches)
        {
            var requests = await pair.PrepareAsync(batch, tokens);
            pair.Drafter.Acceptance = Acceptances[^1];
            await EnginePair.MeasureAsync(pair.Drafting, requests); // learns what such a batch costs
            var plain = new List<double>();
            var gains = Acceptances.Select(_ => new List<double>()).ToArray();
            for (var round = 0; round < rounds; round++)
            {
                var without = await EnginePair.MeasureAsync(pair.Plain, requests);
                plain.Add(without.TokensPerSecond);
                for (var index = 0; index < gains.Length; index++)
                {
                    pair.Drafter.Acceptance = Acceptances[index];
                    var (speed, results) = await EnginePair.MeasureAsync(pair.Drafting, requests);
                    EnginePair.RequireSame(results, without.Results);
                    gains[index].Add(speed / without.TokensPerSecond);
                }
            }

            worst = Math.Min(worst, gains.Min(values => Spread.Of(values).Median));
            table.Row([$"{batch}", $"{Spread.Digits(Spread.Of(plain).Median)}", .. gains.Select(values => $"{Spread.Of(values)}")]);
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"worst median: {worst:F3}"));
    }
}
