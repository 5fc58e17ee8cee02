using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Json;
using Stoker.Benchmarks.Measuring;
using Stoker.Benchmarks.Serving;
using Stoker.Benchmarks.Waking;

namespace Stoker.Benchmarks.Addons;

/// <summary>
/// A thousand addons, one of them broken, on one replica of story-3m and on one deployment behind a real server: what a load takes,
/// that a sample answers bit for bit as alone, and that the base model answers all the while.
/// </summary>
internal sealed class ManyAddonsBench(string program, int count) : IDisposable
{
    private const string Replicas = "/v1/completions", Gateway = "/inference/v1/completions";
    private const int Sample = 50, Seed = 5;

    private readonly ManyAddons _addons = new(count);
    private readonly int _broken = count / 3;

    public static async Task RunAsync(Arguments arguments)
    {
        using var bench = new ManyAddonsBench(ReplicaProcess.Program(arguments.Text("--stoker")), arguments.Integer("--count", 1000, 60, 4000));
        var asked = bench.Asked();
        var alone = await bench.AloneAsync(asked);
        await bench.OnReplicaAsync(asked, alone);
        await bench.OnServerAsync(asked, alone);
    }

    public void Dispose() => _addons.Dispose();

    private List<int> Asked()
    {
        var random = new Random(Seed);
        return [.. Enumerable.Range(0, int.MaxValue).Select(_ => random.Next(count)).Where(index => index != _broken).Distinct().Take(Sample)];
    }

    /// <summary>Each on a replica that has no other.</summary>
    private async Task<string[]> AloneAsync(List<int> asked)
    {
        using var replica = new ReplicaProcess(program, ManyAddons.Base, "--enable-addons", "--max-addons", "1");
        await replica.ReadyAsync();
        var answers = new List<string>();
        foreach (var index in asked)
        {
            await LoadAsync(replica, index);
            answers.Add(await AddonAnswers.AskAsync(replica.Client, Replicas, ManyAddons.Name(index)));
            using var gone = await replica.Client.PostAsJsonAsync("/v1/unload_lora_adapter", new { lora_name = ManyAddons.Name(index) });
            gone.EnsureSuccessStatusCode();
        }

        return [.. answers];
    }

    private async Task OnReplicaAsync(List<int> asked, string[] alone)
    {
        var weights = ManyAddons.WeightsIn(_addons.Folders[_broken]);
        var whole = await File.ReadAllBytesAsync(weights);
        ManyAddons.Cut(weights);
        using var replica = new ReplicaProcess(program, ManyAddons.Base, "--enable-addons");
        await replica.ReadyAsync();
        var (idle, done) = (await AskBaseAsync(), new TaskCompletionSource());
        var asking = AddonAnswers.RepeatAsync(AskBaseAsync, done.Task);
        var (loads, refused) = (new List<double>(), 0);
        for (var index = 0; index < count; index++)
        {
            var start = Stopwatch.GetTimestamp();
            if (!await LoadAsync(replica, index)) refused++;
            loads.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        done.SetResult();
        var answered = await asking;
        if (refused != 1) throw new BenchFailedException($"{refused} loads were refused, not the broken one alone.");
        if (await AskBaseAsync() != idle) throw new BenchFailedException("The base model's answer changed.");
        Console.WriteLine($"{count} addons on one replica of story-3m, 16 in memory, while the base model answers ({answered} times, always the same):");
        Print("load call, ms", loads);
        await SampleAsync("answers by addons at random, ms", asked, alone, index => AddonAnswers.AskAsync(replica.Client, Replicas, ManyAddons.Name(index)));
        await File.WriteAllBytesAsync(weights, whole);

        Task<string> AskBaseAsync() => AddonAnswers.AskAsync(replica.Client, Replicas, "bench", tokens: 64);
    }

    private async Task<bool> LoadAsync(ReplicaProcess replica, int index)
    {
        using var answer = await replica.Client.PostAsJsonAsync(
            "/v1/load_lora_adapter", new { lora_name = ManyAddons.Name(index), lora_path = _addons.Folders[index] });
        return answer.IsSuccessStatusCode;
    }

    private async Task OnServerAsync(List<int> asked, string[] alone)
    {
        using var folder = new ServerFolder();
        using var server = await ServerProcess.StartAsync(program, folder, new Dictionary<string, string>());
        await server.CreateAsync("d", new { baseModel = "story-3m", enableAddons = true, minReplicaCount = 0 });
        var client = new DeployedAddons(server, _addons);
        Console.WriteLine($"\n{count} addons on one deployment of story-3m behind a server:");
        Print("upload of one, ms", await client.UploadAllAsync());
        ManyAddons.Cut(Directory.GetFiles(folder.Data, ManyAddons.Weights, SearchOption.AllDirectories).Single(path => path.Contains($"/{ManyAddons.Name(_broken)}/", StringComparison.Ordinal)));

        await server.ScaleAsync("d", 1);
        await server.ReadyAsync("d", 1);
        var done = new TaskCompletionSource();
        var asking = AddonAnswers.RepeatAsync(AskBaseAsync, done.Task);
        var start = Stopwatch.GetTimestamp();
        Print("deploy call, ms", await client.DeployAllAsync());
        await client.SettledAsync(count - 1, failed: 1);
        Line($"first deploy call to {count - 1} DEPLOYED and the broken one FAILED, s", Stopwatch.GetElapsedTime(start).TotalSeconds);
        done.SetResult();
        Line("answers of the base model meanwhile, all the same", await asking);
        await SampleAsync("answers by addons at random, ms", asked, alone, AskAsync);

        // From zero: who waits for an addon waits for that one alone.
        await new Waking.Waking(server, folder, ["d"]).ToZeroAsync();
        var (last, begun) = (asked.Max(), Stopwatch.GetTimestamp());
        var plain = TimedAsync(AskBaseAsync);
        var first = TimedAsync(() => AskAsync(last));
        var (tookPlain, took) = (await plain, await first);
        if (took.Answer != alone[asked.IndexOf(last)]) throw new BenchFailedException($"{ManyAddons.Name(last)} answers otherwise after a wake.");
        await DeployedAddons.LoadedAsync(folder, count - 1);
        Line("woken from zero: to the base model's whole answer, ms", tookPlain.Milliseconds);
        Line("woken from zero: to the whole answer of one addon at random, ms", took.Milliseconds);
        Line("woken from zero: to all addons loaded again, ms", Stopwatch.GetElapsedTime(begun).TotalMilliseconds);
        await SampleAsync("answers by addons at random after that, ms", asked, alone, AskAsync);

        Task<string> AskAsync(int index) => AddonAnswers.AskAsync(server.Http, Gateway, $"accounts/default/models/{ManyAddons.Name(index)}");
        Task<string> AskBaseAsync() => AddonAnswers.AskAsync(server.Http, Gateway, ServerProcess.Model("d"), tokens: 64);
    }

    private static async Task<(string Answer, double Milliseconds)> TimedAsync(Func<Task<string>> ask)
    {
        var start = Stopwatch.GetTimestamp();
        return (await ask(), Stopwatch.GetElapsedTime(start).TotalMilliseconds);
    }

    private static async Task SampleAsync(string what, List<int> asked, string[] alone, Func<int, Task<string>> ask)
    {
        var took = new List<double>();
        var answers = await AddonAnswers.AskAllAsync(asked, async index =>
        {
            var (answer, milliseconds) = await TimedAsync(() => ask(index));
            lock (took) took.Add(milliseconds);
            return answer;
        });
        for (var turn = 0; turn < answers.Length; turn++)
        {
            if (answers[turn] != alone[turn]) throw new BenchFailedException($"{ManyAddons.Name(asked[turn])} answers otherwise than alone.");
        }

        Print($"{what} ({answers.Length} of them, 8 at once, all as alone)", took);
    }

    private static void Print(string what, List<double> values) => Console.WriteLine(
        $"  {what}: median {Spread.Digits(Spread.Percentile(values, 0.5))}, p99 {Spread.Digits(Spread.Percentile(values, 0.99))}, max {Spread.Digits(values.Max())}");

    private static void Line(string what, double value) => Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {what}: {Spread.Digits(value)}"));
}
