using Stoker.Benchmarks.Comparing;
using Stoker.Benchmarks.Measuring;
using Stoker.Engine;

namespace Stoker.Benchmarks.Quality;

/// <summary>
/// What each precision costs in quality: perplexity of story-3m on held-out texts against the reference's, and how far the
/// distribution of the next token moves. Exact figures, not times: the machine may be busy.
/// </summary>
internal sealed class QualityBench(Arguments arguments)
{
    private const int Chunk = 128;

    private static readonly string Folder = Path.Combine(AppContext.BaseDirectory, "models", "story-3m");
    private static readonly string Golden = Path.Combine(AppContext.BaseDirectory, "goldens", "story-3m.json");

    private readonly int _threads = arguments.Integer("--threads", 1, 1, 512);
    private readonly string? _kernelSet = arguments.Text("--kernel-set");

    /// <exception cref="BenchFailedException">One is over its bound; all have been printed.</exception>
    public static void Run(string[] args)
    {
        var faults = new QualityBench(new(args, [], "--threads", "--kernel-set")).Measure(QualityCase.All);
        if (faults.Count > 0) throw new BenchFailedException(string.Join("; ", faults));
    }

    /// <summary>Prints a row for each case.</summary>
    /// <returns>What is over its bound.</returns>
    public List<string> Measure(IEnumerable<QualityCase> cases)
    {
        var texts = HeldOutTexts.Read(Folder, Golden);
        var reference = texts.Perplexities[HeldOutTexts.Unquantised];
        var (description, exact) = Logits("f32", KvPrecision.F32, "reference", texts);
        Console.WriteLine($"story-3m, {texts.ScoredTokens} tokens; divergence from: {description}");
        var table = new Table(
            ("weights, kv", 12), ("perplexity", 10), ("of the reference", 16), ("bound", 7), ("its like scheme", 15), ("mean KL", 8), ("bound", 8), ("", 4));
        var faults = new List<string>();
        foreach (var one in cases)
        {
            var (_, logits) = Logits(one.Weights, one.Kv, _kernelSet, texts);
            var result = Compare(texts, exact, logits);
            var fault = one.Fault(result, reference);
            if (fault is not null) faults.Add(fault);
            table.Row(
                one.Name,
                FormattableString.Invariant($"{result.Perplexity:F3}"),
                FormattableString.Invariant($"{result.PercentOf(reference):+0.00;-0.00} %"),
                FormattableString.Invariant($"{one.Percent:0.##} %"),
                one.Scheme is { } scheme ? FormattableString.Invariant($"{texts.Perplexities[scheme]:F3}") : "-",
                FormattableString.Invariant($"{result.Divergence:E1}"),
                FormattableString.Invariant($"{one.Divergence:E1}"),
                fault is null ? "good" : "OVER");
        }

        Console.WriteLine(FormattableString.Invariant($"the reference without quantisation: {reference:F3}; its like scheme: the same bits with one scale per row (fp4: int4, 32 columns)"));
        return faults;
    }

    private (string Description, float[][] Rows) Logits(string weights, KvPrecision kv, string? kernelSet, HeldOutTexts texts) => OnItsOwnThread(() =>
    {
        using var model = new ForwardModel(
            Folder, weights, _threads, kernelSet, Chunk, sequences: 1, texts.Tokens.Max(text => text.Length), kv: kv, everyRow: true);
        float[][] rows = [.. texts.Tokens.Select(text => Rows(model, text))];
        return (model.Description, rows);
    });

    private static float[] Rows(ForwardModel model, int[] text)
    {
        model.Clear();
        var rows = new float[(text.Length - 1) * model.VocabularySize];
        for (var done = 0; done < text.Length - 1; done += Chunk)
        {
            model.StepAll(text.AsSpan(done, Math.Min(Chunk, text.Length - 1 - done))).CopyTo(rows.AsSpan(done * model.VocabularySize));
        }

        return rows;
    }

    private static QualityResult Compare(HeldOutTexts texts, float[][] exact, float[][] actual)
    {
        var (nll, divergence) = (0.0, 0.0);
        for (var text = 0; text < texts.Tokens.Length; text++)
        {
            var tokens = texts.Tokens[text];
            var width = actual[text].Length / (tokens.Length - 1);
            for (var row = 0; row < tokens.Length - 1; row++)
            {
                var logits = actual[text].AsSpan(row * width, width);
                nll += LogShares.Total(logits) - logits[tokens[row + 1]];
                divergence += LogShares.Divergence(exact[text].AsSpan(row * width, width), logits);
            }
        }

        return new(Math.Exp(nll / texts.ScoredTokens), divergence / texts.ScoredTokens);
    }

    /// <summary>A model may bind its thread to a core, and the next one's threads would inherit that.</summary>
    private static T OnItsOwnThread<T>(Func<T> run) =>
        Task.Factory.StartNew(run, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).GetAwaiter().GetResult();
}
