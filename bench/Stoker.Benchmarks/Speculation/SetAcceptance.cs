using Stoker.Benchmarks.Measuring;
using Stoker.Engine;

namespace Stoker.Benchmarks.Speculation;

/// <summary>One sequence, k = 4, with a set acceptance, and with a prediction as an edit of a text would have it.</summary>
internal static class SetAcceptance
{
    private const int EditEvery = 32; // tokens: a line or two of code

    public static async Task RunAsync(EnginePair pair, int rounds, int tokens)
    {
        var request = (await pair.PrepareAsync(1, tokens))[0];
        var (plain, share) = (new List<double>(), new List<double>());
        (string Name, double Acceptance, bool Predicts)[] cases = [("drafts, a = 0.6", 0.6, false), ("drafts, a = 0.8", 0.8, false), ("prediction of an edit", 0, true)];
        List<double>[] speeds = [[], [], []], gains = [[], [], []];
        var usages = new GenerationUsage?[cases.Length];
        for (var round = -1; round < rounds; round++)
        {
            var without = await EnginePair.MeasureAsync(pair.Plain, [request]);
            if (round >= 0) plain.Add(without.TokensPerSecond);
            for (var index = 0; index < cases.Length; index++)
            {
                pair.Drafter.Acceptance = cases[index].Acceptance;
                var asked = cases[index].Predicts ? request with { Prediction = Edited(EnginePair.Answer(without.Results[0])) } : request;
                var (speed, results) = await EnginePair.MeasureAsync(pair.Drafting, [asked]);
                EnginePair.RequireSame(results, without.Results);
                usages[index] = results[0].Usage;
                if (round < 0) continue; // compiles, touches, and learns what steps cost
                speeds[index].Add(speed);
                gains[index].Add(speed / without.TokensPerSecond);
            }

            if (pair.Drafter.PassCost is { } pass) share.Add(pass.Of(1) * without.TokensPerSecond / 1e6);
        }

        Console.WriteLine($"one sequence of {tokens} tokens; a pass of the drafter takes {Spread.Of(share)} of a step of the target");
        var table = new Table(("kind", 24), ("tokens/s", 22), ("x none", 22), ("accepted/drafted", 18));
        table.Row("none", $"{Spread.Of(plain)}", "1.00", "");
        for (var index = 0; index < cases.Length; index++)
        {
            var figures = usages[index]!.Speculation ?? SpeculationStatistics.None;
            table.Row(cases[index].Name, $"{Spread.Of(speeds[index])}", $"{Spread.Of(gains[index])}", $"{figures.Accepted}/{figures.Drafted}");
        }
    }

    /// <summary>The text before the edit that the answer is: here a token was another, there one was missing, here one too many.</summary>
    public static int[] Edited(int[] answer)
    {
        var before = new List<int>();
        for (var index = 0; index < answer.Length; index++)
        {
            var edit = index % EditEvery == EditEvery / 2 ? index / EditEvery % 3 : -1;
            if (edit == 1) continue;
            before.Add(edit == 0 ? (answer[index] + 1) % 1000 : answer[index]);
        }

        return [.. before];
    }
}
