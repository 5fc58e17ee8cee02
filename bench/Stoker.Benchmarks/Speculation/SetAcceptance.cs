using Stoker.Benchmarks.Measuring;
using Stoker.Engine;

namespace Stoker.Benchmarks.Speculation;

/// <summary>One sequence, k = 4, with a set acceptance, and with a prediction as an edit of a text would have it. Each round has a prompt of its own.</summary>
internal static class SetAcceptance
{
    public const int Tokens = 256; // some 900 draws of each acceptance in five rounds

    private const int EditEvery = 32; // tokens: a line or two of code
    private const double LeastPass = 0.05; // of a step of the target, else the drafts were too cheap
    private const double MostOff = 0.05; // of the acceptance that was to be seen

    private static readonly Case[] Cases = [new("drafts, a = 0.6", 0.6, 1.5), new("drafts, a = 0.8", 0.8, 1.9), new("prediction of an edit", null, 2)];

    /// <exception cref="BenchFailedException">The drafts were not what they were to be: the figures say nothing.</exception>
    public static async Task RunAsync(EnginePair pair, int rounds, int tokens)
    {
        var requests = await pair.PrepareAsync(rounds + 1, tokens);
        var (plain, share) = (new List<double>(), new List<double>());
        Seen[] seen = [.. Cases.Select(_ => new Seen())];
        for (var round = 0; round <= rounds; round++)
        {
            var isWarm = round > 0; // the first compiles, touches, and learns what steps cost
            var without = await EnginePair.MeasureAsync(pair.Plain, [requests[round]]);
            if (isWarm) plain.Add(without.TokensPerSecond);
            for (var index = 0; index < Cases.Length; index++)
            {
                pair.Drafter.Begin(Cases[index].Acceptance ?? 0);
                var asked = Cases[index].Acceptance is null ? requests[round] with { Prediction = Edited(EnginePair.Answer(without.Results[0])) } : requests[round];
                var (speed, results) = await EnginePair.MeasureAsync(pair.Drafting, [asked]);
                EnginePair.RequireSame(results, without.Results);
                if (isWarm) seen[index].Add(speed, speed / without.TokensPerSecond, pair.Drafter, results[0].Usage!);
            }

            if (isWarm && pair.Drafter.PassCost is { } pass) share.Add(pass.Of(1) * without.TokensPerSecond / 1e6);
        }

        Console.WriteLine($"one sequence of {tokens} tokens; a pass of the drafter takes {Spread.Of(share)} of a step of the target, at least {LeastPass} was asked");
        Print(plain, seen);
        if (Spread.Of(share).Median < LeastPass) throw new BenchFailedException($"a pass of the drafter takes less than {LeastPass} of a step of the target");
    }

    private static void Print(List<double> plain, Seen[] seen)
    {
        var table = new Table(("kind", 24), ("a seen", 8), ("tokens/s", 22), ("x none", 22), ("asked", 12), ("accepted/drafted", 18));
        table.Row("none", "", $"{Spread.Of(plain)}", "1.00", "", "");
        foreach (var (kind, figures) in Cases.Zip(seen))
        {
            var gain = Spread.Of(figures.Gains);
            table.Row(
                kind.Name, kind.Acceptance is null ? "" : Spread.Digits(figures.Acceptance), $"{Spread.Of(figures.Speeds)}", $"{gain}",
                $"{kind.Asked}: {(gain.Median >= kind.Asked ? "kept" : "MISSED")}", $"{figures.Accepted}/{figures.Drafted}");
            if (kind.Acceptance is { } asked && Math.Abs(figures.Acceptance - asked) > MostOff) throw new BenchFailedException($"{kind.Name}: {figures.Acceptance:F3} were right");
        }
    }

    /// <summary>The text before the edit that the answer is: here a token was another, there one was missing, here one too many.</summary>
    /// <param name="every">Tokens from one edit to the next.</param>
    public static int[] Edited(int[] answer, int every = EditEvery)
    {
        var before = new List<int>();
        for (var index = 0; index < answer.Length; index++)
        {
            var edit = index % every == every / 2 ? index / every % 3 : -1;
            if (edit == 1) continue;
            before.Add(edit == 0 ? (answer[index] + 1) % 1000 : answer[index]);
            if (edit == 2) before.Add((answer[index] + 1) % 1000);
        }

        return [.. before];
    }

    /// <param name="Acceptance">Null: no drafts but a prediction.</param>
    /// <param name="Asked">At least so much of the speed without.</param>
    private sealed record Case(string Name, double? Acceptance, double Asked);

    private sealed class Seen
    {
        private int _right, _tried;

        public List<double> Speeds { get; } = [];

        public List<double> Gains { get; } = [];

        public long Accepted { get; private set; }

        public long Drafted { get; private set; }

        public double Acceptance => (double)_right / _tried;

        public void Add(double speed, double gain, ReplacingDrafter drafter, GenerationUsage usage)
        {
            Speeds.Add(speed);
            Gains.Add(gain);
            (_right, _tried) = (_right + drafter.Right, _tried + drafter.Tried);
            var figures = usage.Speculation ?? SpeculationStatistics.None;
            (Accepted, Drafted) = (Accepted + figures.Accepted, Drafted + figures.Drafted);
        }
    }
}
