using System.Globalization;
using Stoker.Benchmarks.Measuring;

namespace Stoker.Benchmarks.Speculation;

/// <summary>Batches of 1 to 32 with acceptances from 0 to 0.8: adaptive speculation is to cost nothing where it gains nothing.</summary>
internal static class NeverSlower
{
    public static readonly int[] Batches = [1, 4, 16, 32];

    private const int Tokens = 32, LongTokens = 256; // a batch of 32 takes seconds
    private const double Asked = 0.95;
    private static readonly double[] Acceptances = [0, 0.4, 0.8];

    /// <param name="tokens">Of each sequence; null: few, and more once more where a sequence is alone.</param>
    public static async Task RunAsync(EnginePair pair, int[] batches, int rounds, int? tokens)
    {
        Console.WriteLine($"tokens/s with speculation by those without just before and just after, medians of {rounds}");
        var table = new Table(
            [("batch", 6), ("tokens", 7), ("none, tokens/s", 16), .. Acceptances.Select(value => ($"a = {value.ToString(CultureInfo.InvariantCulture)}", 18))]);
        var worst = double.PositiveInfinity;
        foreach (var batch in batches)
        {
            foreach (var count in tokens is { } asked ? [asked] : batch == 1 ? new[] { Tokens, LongTokens } : [Tokens])
            {
                var (plain, gains) = await MeasureAsync(pair, batch, count, rounds);
                worst = Math.Min(worst, gains.Min(values => Spread.Of(values).Median));
                table.Row([$"{batch}", $"{count}", $"{Spread.Digits(Spread.Of(plain).Median)}", .. gains.Select(values => $"{Spread.Of(values)}")]);
            }
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"worst median: {worst:F3}, asked at least {Asked}: {(worst >= Asked ? "kept" : "MISSED")}"));
    }

    private static async Task<(List<double> Plain, List<double>[] Gains)> MeasureAsync(EnginePair pair, int batch, int tokens, int rounds)
    {
        var requests = await pair.PrepareAsync(batch, tokens);
        pair.Drafter.Acceptance = Acceptances[^1];
        await EnginePair.MeasureAsync(pair.Drafting, requests); // learns what such a batch costs
        var (plain, gains) = (new List<double>(), Acceptances.Select(_ => new List<double>()).ToArray());
        for (var round = 0; round < rounds; round++)
        {
            var before = await EnginePair.MeasureAsync(pair.Plain, requests);
            for (var turn = 0; turn < gains.Length; turn++)
            {
                var index = (turn + round) % gains.Length; // each comes behind each
                pair.Drafter.Acceptance = Acceptances[index];
                var (speed, results) = await EnginePair.MeasureAsync(pair.Drafting, requests);
                EnginePair.RequireSame(results, before.Results);
                var after = await EnginePair.MeasureAsync(pair.Plain, requests);
                plain.Add(after.TokensPerSecond);
                gains[index].Add(speed * ((1 / before.TokensPerSecond) + (1 / after.TokensPerSecond)) / 2);
                before = after;
            }
        }

        return (plain, gains);
    }
}
