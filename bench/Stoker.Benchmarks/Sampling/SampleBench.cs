using System.Diagnostics;
using Stoker.Benchmarks.Measuring;
using Stoker.Engine;
using Stoker.Engine.Sampling;

namespace Stoker.Benchmarks.Sampling;

/// <summary>
/// Drawing one token from a row of logits on one thread, in microseconds. A steep row is like a language model's: few tokens
/// have nearly all of the probability. A flat one is the worst case of top_p, whose nucleus is then most of the vocabulary.
/// </summary>
internal static class SampleBench
{
    private const int Repeats = 20; // of each run; a run is some milliseconds

    public static void Run(string[] args)
    {
        var arguments = new Arguments(args, [], "--vocab", "--runs");
        var vocabulary = arguments.Integer("--vocab", 128_256, 1000, 1_000_000);
        var runs = arguments.Integer("--runs", 9, 1, 1000);
        (string Name, float[] Logits)[] rows = [("steep", Row(vocabulary, deviation: 3)), ("flat", Row(vocabulary, deviation: 0.3))];
        (string Name, SamplingOptions Options)[] settings =
        [
            ("greedy", new() { Temperature = 0 }),
            ("temperature alone", new()),
            ("min_p 0.05", new() { MinP = 0.05 }),
            ("top_k 40", new() { TopK = 40 }),
            ("top_k 20, top_p 0.8", new() { TopK = 20, TopP = 0.8 }),
            ("top_p 0.9", new() { TopP = 0.9 }),
            ("greedy, repetition 1.1", new() { Temperature = 0, RepetitionPenalty = 1.1 }),
        ];
        var scratch = new SamplingScratch(vocabulary);
        var table = new Table(("us a token", 24), ("steep row", 22), ("flat row", 22));
        foreach (var (name, options) in settings)
        {
            var resolved = SamplingSettings.From(options.Over(SamplingOptions.ApiDefaults), vocabulary, () => 1);
            var sampler = new TokenSampler(resolved, 0, [1, 2, 3]);
            table.Row(name, Time(0, (row, position) => sampler.Choose(row, position, [], scratch)), Time(1, (row, position) => sampler.Choose(row, position, [], scratch)));
        }
        table.Row("log-probabilities, 5", Time(0, Values), Time(1, Values));

        string Time(int row, Action<float[], int> draw) => Spread.Of(Enumerable.Range(-3, runs + 3).Select(run => (run, Microseconds(rows[row].Logits, draw)))
            .Where(timed => timed.run >= 0).Select(timed => timed.Item2)).ToString();

        void Values(float[] row, int position) => Logprobs.Top(row, Logprobs.LogSumExp(row), 5, scratch);
    }

    private static double Microseconds(float[] row, Action<float[], int> draw)
    {
        var start = Stopwatch.GetTimestamp();
        for (var position = 0; position < Repeats; position++) draw(row, position);
        return Stopwatch.GetElapsedTime(start).TotalMicroseconds / Repeats;
    }

    /// <summary>Normal noise: with deviation 3 of 128k tokens about a thousand have half of the probability.</summary>
    private static float[] Row(int length, double deviation)
    {
        var random = new Random(7);
        var row = new float[length];
        for (var id = 0; id < length; id++)
        {
            row[id] = (float)(deviation * Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()));
        }
        return row;
    }
}
