using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using Stoker.Benchmarks.Comparing;
using Stoker.Benchmarks.Measuring;
using Stoker.Benchmarks.RandomModels;

namespace Stoker.Benchmarks.Serving;

/// <summary>
/// One replica under the load of several clients over HTTP, each sending its next request when the last one ended: lengths
/// of a trace, scaled down, behind a few shared system prompts.
/// </summary>
/// <remarks>The clients run on the same cores; what they cost is part of the figures.</remarks>
internal static class ServingBench
{
    private const int Seed = 20260101;
    private const int Systems = 4;
    private static readonly string[] ReplicaFlags = ["--precision", "--threads", "--kernel-set"];

    public static async Task RunAsync(string[] args)
    {
        var arguments = new Arguments(
            args, [], "--model", "--models", "--shapes", "--stoker", "--precision", "--clients", "--requests", "--scale", "--system", "--context", "--threads", "--kernel-set");
        var folder = Folder(arguments, "--shapes");
        var clients = arguments.Integer("--clients", 16, 1, 1000);
        var count = arguments.Integer("--requests", 128, 1, 100_000);
        var (scale, system) = (arguments.Integer("--scale", 4, 1, 1000), arguments.Integer("--system", 256, 1, 100_000));
        var context = arguments.Integer("--context", 2048, 16, 1_000_000);
        var trace = await File.ReadAllLinesAsync(Path.Combine(AppContext.BaseDirectory, "traces", "azure-conv-lengths.csv"));
        var plan = TracedRequest.Plan(trace, count, scale, Systems, system, context, Seed);
        using var replica = new ReplicaProcess(ReplicaProcess.Program(arguments.Text("--stoker")), folder, [.. Flags(arguments), "--context-length", Text(context)]);
        await replica.ReadyAsync();
        await SendAllAsync(replica, [.. plan.Take(clients)], clients, system, new Workload(Workload.SmallestVocabulary)); // compiles and touches
        var start = Stopwatch.GetTimestamp();
        var done = await SendAllAsync(replica, plan, clients, system, new Workload(Workload.SmallestVocabulary + 1));
        Print(Path.GetFileName(folder), clients, done, Stopwatch.GetElapsedTime(start).TotalSeconds);
    }

    /// <summary>A model folder: <c>--model DIR</c>, or a shape under <c>--models DIR</c> that is written when it is not there.</summary>
    public static string Folder(Arguments arguments, string shapes)
    {
        if (arguments.Text("--model") is { } folder) return folder;
        var shape = arguments.Text(shapes) is { } name ? RandomShape.Find(name) : RandomShape.Qwen05B;
        return new ComparedModels(arguments.Text("--models") ?? throw new UsageException("--model DIR or --models DIR is required.")).Folder(shape);
    }

    /// <summary>Flags of the replica that the bench takes too, as far as they were given.</summary>
    private static IEnumerable<string> Flags(Arguments arguments) =>
        from flag in ReplicaFlags
        where arguments.Text(flag) is not null
        from word in new[] { flag, arguments.Text(flag)! }
        select word;

    private static async Task<List<StreamedRequest>> SendAllAsync(ReplicaProcess replica, TracedRequest[] plan, int clients, int systemTokens, Workload work)
    {
        int[][] systems = [.. Enumerable.Range(0, Systems).Select(_ => work.Tokens(systemTokens))];
        var waiting = new ConcurrentQueue<(int[] Prompt, int Answer)>(
            plan.Select(request => ((int[])[.. systems[request.System], .. work.Tokens(request.UserTokens)], request.AnswerTokens)));
        var done = new ConcurrentBag<StreamedRequest>();
        await Task.WhenAll(Enumerable.Range(0, clients).Select(async _ =>
        {
            while (waiting.TryDequeue(out var next)) done.Add(await StreamedRequest.SendAsync(replica.Client, next.Prompt, next.Answer));
        }));
        return [.. done];
    }

    private static void Print(string model, int clients, List<StreamedRequest> done, double seconds)
    {
        var (prompt, cached, answer) = (done.Sum(request => request.PromptTokens), done.Sum(request => request.CachedTokens), done.Sum(request => request.CompletionTokens));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{model}: {done.Count} requests of {clients} clients in {seconds:F1} s; {prompt} prompt tokens ({100.0 * cached / prompt:F0} % from the prefix cache), {answer} answer tokens"));
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"throughput: {answer / seconds:F1} answer tokens/s, {(prompt + answer) / seconds:F1} tokens/s in all, {done.Count / seconds:F2} requests/s"));
        var table = new Table(("milliseconds", 22), ("p50", 9), ("p99", 9), ("max", 9));
        Row(table, "time to first token", done.Select(request => request.FirstMilliseconds));
        Row(table, "between two tokens", done.SelectMany(request => request.Gaps));
    }

    private static void Row(Table table, string name, IEnumerable<double> values)
    {
        double[] all = [.. values];
        table.Row(name, Spread.Digits(Spread.Percentile(all, 0.5)), Spread.Digits(Spread.Percentile(all, 0.99)), Spread.Digits(Spread.Percentile(all, 1)));
    }

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);
}
