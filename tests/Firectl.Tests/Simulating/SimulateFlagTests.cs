using System.Text.Json.Nodes;

namespace Firectl.Tests.Simulating;

/// <summary>Each flag of <c>simulate</c> does what it says, by outcomes that are computed by hand.</summary>
public sealed class SimulateFlagTests : IDisposable
{
    private const string Own = "own.csv";
    private const string Steady = "steady.csv";
    private const string Chats = "chats.jsonl";
    private const string Clients = "clients.csv";

    // Warm, and whatever it costs is of the whole trace.
    private const string Warm = "--min-replica-count 1 --warm-up 0s";

    private readonly FirectlRun _run = new();

    public SimulateFlagTests()
    {
        // Each is served for 0.05 s + 800 / 8000 + 5 x 0.03 s = 0.3 s.
        _run.WriteFile(Own, "seconds,prompt_tokens,generated_tokens\n0,800,5\n1,800,5\n400,800,5\n1000,800,5\n");
        // One a second, each served for some 60 s: a load of 60.
        _run.WriteFile(Steady, "seconds,prompt_tokens,generated_tokens\n" + string.Concat(Enumerable.Range(0, 600).Select(second => $"{second},1,2000\n")));
        _run.WriteFile(Chats, Chat(0) + Chat(60_000));
        _run.WriteFile(Clients, "client,t_s,rate_rps,cv,pattern,param1,param2\na,0,0.1,1,G,1,1\nb,0,0.01,1,G,1,1\n");
    }

    public void Dispose() => _run.Dispose();

    [Theory]
    [InlineData(Own, Warm + " --slots 1 --copies 2", "wait_seconds.longest", 0.3)]
    [InlineData(Own, Warm + " --copies 2", "wait_seconds.longest", 0)] // 16 places
    [InlineData(Own, Warm + " --request-overhead 1s", "first_token_seconds.mean", 1.13)]
    [InlineData(Own, Warm + " --prefill-rate 800", "first_token_seconds.mean", 1.08)]
    [InlineData(Own, Warm + " --decode-rate 10", "first_token_seconds.mean", 0.25)]
    [InlineData(Own, Warm, "first_token_seconds.mean", 0.18)]
    [InlineData(Chats, Warm + " --prefix-cache-tokens 4096", "cached_share", 1023 / 2048.0)] // the second's, but for its last token
    [InlineData(Chats, Warm, "cached_share", 0)]
    [InlineData(Own, "--warm-up 0s --start-replicas 0 --cold-start 10s", "wait_seconds.longest", 10)]
    [InlineData(Own, "--warm-up 0s --start-replicas 0", "wait_seconds.longest", 60)]
    [InlineData(Own, Warm + " --max-replica-count 5 --start-replicas 3", "peak_replicas", 3)]
    [InlineData(Own, "--min-replica-count 3 --capacity 2", "peak_replicas", 2)]
    [InlineData(Own, "--min-replica-count 3", "peak_replicas", 3)]
    [InlineData(Own, "--warm-up 500s", "counted", 1)]
    [InlineData(Own, "", "counted", 2)] // five minutes
    [InlineData(Own, "--warm-up 0s --start-replicas 0 --cold-start 10s --long-wait 10s", "long_waits", 0)]
    [InlineData(Own, "--warm-up 0s --start-replicas 0 --cold-start 10s --long-wait 9s", "long_waits", 1)]
    [InlineData(Own, "--warm-up 0s --start-replicas 0 --cold-start 10s --long-wait 8s", "long_waits", 2)] // what came at 1 waits for 9 s
    [InlineData(Own, "--copies 3", "arrived", 12)]
    [InlineData(Clients, "--client a", "arrived", 60)]
    [InlineData(Clients, "--client b", "arrived", 6)]
    [InlineData(Own, "--policy constant --replica-count 4", "peak_replicas", 4)]
    public async Task A_flag_is_obeyed(string trace, string flags, string field, double expected) =>
        (await NumberAsync(trace, flags, field)).ShouldBe(expected, 1e-6);

    /// <summary>Seconds that replicas ran, all together.</summary>
    [Theory]
    [InlineData(Warm + " --max-replica-count 3 --start-replicas 3 --scale-down-window 1m", (3 * 60) + 940)]
    [InlineData(Warm + " --max-replica-count 3 --start-replicas 3", (3 * 600) + 400)] // ten minutes
    [InlineData("--start-replicas 1 --cold-start 10s --scale-to-zero-window 5m", 302 + 302)] // idle from 2 and from 411 on
    [InlineData("--start-replicas 1 --cold-start 10s --scale-to-zero-window 5m --tick 30s", 330 + 310)]
    [InlineData("--start-replicas 1 --cold-start 10s --scale-to-zero-window 9m", 942)] // from 401 on, and never before
    public async Task A_window_is_obeyed(string flags, double seconds) =>
        (await NumberAsync(Own, flags, "replica_hours") * 3600).ShouldBe(seconds, 1e-6);

    [Theory]
    [InlineData("--max-replica-count 2", 2)]
    [InlineData("--max-replica-count 100 --scale-up-window 0s", 5)] // 61 / 12.8
    [InlineData("--max-replica-count 100 --scale-up-window 0s --load-targets concurrent_requests=10", 7)]
    [InlineData("--max-replica-count 100 --scale-up-window 0s --load-targets default=1", 4)]
    [InlineData("--max-replica-count 3 --policy auto", 3)]
    [InlineData("--max-replica-count 100 --policy auto --load-targets concurrent_requests=10", 7)]
    public async Task A_load_that_stays_gets_what_it_needs_by_the_flags(string flags, double most) =>
        (await NumberAsync(Steady, $"--min-replica-count 1 --start-replicas 1 --cold-start 0s --tick 1s {flags}", "peak_replicas")).ShouldBe(most);

    [Fact]
    public async Task A_longer_up_window_waits_longer()
    {
        const string Flags = "--min-replica-count 1 --max-replica-count 9 --start-replicas 1 --warm-up 0s --scale-up-window";
        var (quick, slow) = (await NumberAsync(Steady, $"{Flags} 5s", "wait_seconds.longest"), await NumberAsync(Steady, $"{Flags} 3m", "wait_seconds.longest"));
        slow.ShouldBeGreaterThan(quick + 60);
    }

    [Fact]
    public async Task Jitter_moves_copies_and_the_seed_fixes_how()
    {
        const string Flags = "--copies 5 --jitter 10s -o json --seed";
        (await RunAsync(Own, $"{Flags} 1")).ShouldBe(await RunAsync(Own, $"{Flags} 1"));
        (await RunAsync(Own, $"{Flags} 1")).ShouldNotBe(await RunAsync(Own, $"{Flags} 2"));
        ((double)JsonNode.Parse(await RunAsync(Own, $"{Flags} 1"))!["span_seconds"]!).ShouldBeInRange(1000.001, 1010);
        ((double)JsonNode.Parse(await RunAsync(Own, "--copies 5 -o json"))!["span_seconds"]!).ShouldBe(1000);
    }

    [Fact]
    public async Task Under_auto_it_goes_to_zero_as_its_window_says()
    {
        (await NumberAsync(Own, "--policy auto --start-replicas 1 --cold-start 10s --scale-to-zero-window 5m", "wakes")).ShouldBe(2);
        (await NumberAsync(Own, "--policy auto --start-replicas 1 --cold-start 10s", "wakes")).ShouldBe(0); // an hour
    }

    private static string Chat(int milliseconds) =>
        $$"""{"timestamp": {{milliseconds}}, "input_length": 1024, "output_length": 1, "hash_ids": [1, 2]}""" + "\n";

    private async Task<double> NumberAsync(string trace, string flags, string field)
    {
        var node = JsonNode.Parse(await RunAsync(trace, $"-o json {flags}"))!["policies"]![0];
        foreach (var part in field.Split('.')) node = node![part];
        return (double)node!;
    }

    private async Task<string> RunAsync(string trace, string flags)
    {
        var before = _run.Output.Length;
        (await _run.RunAsync(["simulate", Path.Combine(_run.Home, trace), .. flags.Split(' ', StringSplitOptions.RemoveEmptyEntries)])).ShouldBe(0, _run.Errors);
        return _run.Output[before..];
    }
}
