using System.Diagnostics;
using Stoker.Benchmarks.Comparing;
using Stoker.Benchmarks.Measuring;

namespace Stoker.Benchmarks.LongPrompts;

/// <summary>
/// What a chunk of a long prompt costs in a step of answers, by its rows and by what lies before it: the forward pass alone. The answers' step
/// waits for memory, so a good part of a chunk's computing should cost nothing.
/// </summary>
internal static class StepTimes
{
    private const int Large = 512; // rows of a step of the prompt alone, whose rate is the yardstick
    private const int WarmUps = 2;
    private const int AnswersAt = 64;

    private static readonly int[] Rows = [8, 16, 24, 32, 48, 64];

    public static void Run(Arguments arguments, string folder)
    {
        var (prompt, decodes, runs) =
            (arguments.Integer("--prompt", 8192, 64, 1_000_000), arguments.Integer("--decodes", 8, 1, 64), arguments.Integer("--rounds", 5, 1, 100));
        using var model = new ForwardModel(
            folder, arguments.Text("--precision") ?? "auto", arguments.Integer("--threads", Environment.ProcessorCount, 1, 512), arguments.Text("--kernel-set"), Large,
            decodes + 1, prompt + Large);
        Console.WriteLine($"a step of {decodes} answers with rows of a prompt, {Path.GetFileName(folder)}, {model.Description}: median (least..most) of {runs}");
        var table = new Table(("prompt's rows", 13), ("behind", 7), ("ms", 20), ("a row more, ms", 14), ($"of {Large} alone", 13), ("of the prompt's rate", 20));
        foreach (var behind in new[] { 0, prompt / 2, prompt }) Behind(model, new int[decodes], behind, runs, table);
    }

    private static void Behind(ForwardModel model, int[] answers, int behind, int runs, Table table)
    {
        var alone = Time(() => model.StepBeside([], AnswersAt, new int[Large], behind), runs).Median / Large;
        var undisturbed = Time(() => model.StepBeside(answers, AnswersAt, [], 0), runs);
        table.Row("0", $"{behind}", $"{undisturbed}", "-", "-", "-");
        foreach (var rows in Rows)
        {
            var chunk = new int[rows];
            var seen = Time(() => model.StepBeside(answers, AnswersAt, chunk, behind), runs);
            var each = (seen.Median - undisturbed.Median) / rows;
            table.Row($"{rows}", $"{behind}", $"{seen}", Spread.Digits(each), Spread.Digits(each / alone), Spread.Digits(rows * alone / seen.Median));
        }
    }

    private static Spread Time(Action step, int runs)
    {
        var times = new List<double>();
        for (var run = -WarmUps; run < runs; run++)
        {
            var start = Stopwatch.GetTimestamp();
            step();
            if (run >= 0) times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }
        return Spread.Of(times);
    }
}
