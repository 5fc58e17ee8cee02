using System.Diagnostics;
using System.Globalization;
using Stoker.Api.Names;
using Stoker.Benchmarks.Measuring;
using Stoker.ControlPlane.Deployments;

namespace Stoker.Benchmarks.Fleet;

/// <summary>
/// A large fleet on one server, whose replicas are simulated and whose all else is real: how long a full resync takes,
/// what it costs when nothing happens, and how fast its lists are.
/// </summary>
/// <remarks>The client runs in the same process; what it costs is part of the figures.</remarks>
internal sealed class FleetBench
{
    private const string Deployments = "/v1/accounts/default/deployments";
    private const int Restarts = 3;
    private const int Creators = 8;

    /// <summary>Each of those that change is given another count this often.</summary>
    private static readonly TimeSpan ChangeEvery = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Boot = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(8);

    /// <summary>So long after it is ready each start is written down as a success, which is no idleness.</summary>
    private static readonly TimeSpan Proving = new DeploymentsOptions().StableAfter;

    private readonly SimulatedReplicas _replicas = new(Boot, TimeProvider.System);
    private readonly Table _table;
    private readonly int _count;
    private readonly int _each;

    private FleetBench(int count, int each)
    {
        (_count, _each) = (count, each);
        Console.WriteLine($"{count} deployments with {each} simulated replicas each, {Environment.ProcessorCount} cores, .NET {Environment.Version}");
        _table = new(("what", 64), ("asked", 8), ("seen", 40));
    }

    private int Replicas => _count * _each;

    public static async Task RunAsync(string[] args)
    {
        var arguments = new Arguments(args, [], "--deployments", "--replicas", "--idle-seconds", "--calls", "--changing");
        var (count, each) = (arguments.Integer("--deployments", 1000, 1, 10_000), arguments.Integer("--replicas", 5, 1, 10));
        var changing = arguments.Integer("--changing", 100, 0, count);
        using var folder = new FleetFolder((count * each) + count);
        await new FleetBench(count, each).RunAsync(
            folder, arguments.Integer("--idle-seconds", 60, 1, 3600), arguments.Integer("--calls", 1000, 1, 100_000), changing);
    }

    private static string Id(int index) => string.Create(CultureInfo.InvariantCulture, $"d-{index:00000}");

    private async Task RunAsync(FleetFolder folder, int idleSeconds, int calls, int changing)
    {
        await CreateAsync(folder);
        await folder.FillWindowsAsync(
            Enumerable.Range(0, _count).Select(index => DeploymentName.Parse($"accounts/default/deployments/{Id(index)}")), TimeSpan.FromMinutes(12));
        await using var server = await ResyncAsync(folder);
        await SweepAsync(server, "a look at all while running");
        await IdleAsync(server, idleSeconds);
        await ListAllAsync(server, calls, "idle");
        await ChangingAsync(server, changing, () => ListAllAsync(server, calls, $"{changing} change"));
        await LimitAsync(server);
        await SweepAsync(server, "the same with a quota and a reservation");
        _table.Row("memory of the process (RSS), MB", "-", Number(ProcessCost.ResidentBytes() / 1e6));
    }

    private async Task CreateAsync(FleetFolder folder)
    {
        await using var server = await FleetServer.StartAsync(folder.Path, _replicas);
        var (start, before) = (Stopwatch.GetTimestamp(), ProcessCost.Now());
        await Parallel.ForEachAsync(
            Enumerable.Range(0, _count),
            new ParallelOptions { MaxDegreeOfParallelism = Creators },
            async (index, _) => await server.SendAsync(HttpMethod.Post, $"{Deployments}?deploymentId={Id(index)}", new
            {
                baseModel = "accounts/fireworks/models/llama-v3p2-1b-instruct",
                acceleratorType = FleetFolder.AcceleratorType,
                acceleratorCount = 1,
                minReplicaCount = _each,
                maxReplicaCount = _each + 1,
            }));
        await server.RoutedAsync(Replicas);
        Row("create all over HTTP until all are routed, s", "-", $"{Seconds(start)} (CPU {Number(ProcessCost.Now().Since(before).Cpu.TotalSeconds)})");
        await QuietAsync();
    }

    /// <summary>The new server alone knows nothing: all it has is the store and what runs.</summary>
    private async Task<FleetServer> ResyncAsync(FleetFolder folder)
    {
        var (routed, looked) = (new List<double>(), new List<double>());
        for (var restart = 1; ; restart++)
        {
            var server = await FleetServer.StartAsync(folder.Path, _replicas);
            await server.RoutedAsync(Replicas);
            routed.Add(Stopwatch.GetElapsedTime(server.StartedAt).TotalSeconds);
            await server.ReconciledAsync(_count);
            looked.Add(Stopwatch.GetElapsedTime(server.StartedAt).TotalSeconds);
            if (restart == Restarts)
            {
                Row($"start of a server to {Replicas} routed replicas, s, {Restarts} restarts", "<= 2", Spread.Of(routed).ToString());
                Row("the same until each deployment was reconciled too, s", "<= 2", Spread.Of(looked).ToString());
                return server;
            }

            await server.DisposeAsync();
        }
    }

    /// <summary>A changed quota has every deployment looked at.</summary>
    private async Task SweepAsync(FleetServer server, string what)
    {
        await QuietAsync();
        var times = new List<double>();
        for (var run = 1; run <= Restarts; run++)
        {
            var (looks, start) = (server.Looks, Stopwatch.GetTimestamp());
            await SetQuotaAsync(server, Replicas + _count + run);
            await server.LookedAsync(looks + _count);
            times.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
            await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System);
        }

        Row($"{what}, s", "<= 2", Spread.Of(times).ToString());
    }

    private async Task IdleAsync(FleetServer server, int seconds)
    {
        await SetQuotaAsync(server, null);
        await Task.Delay(Proving, TimeProvider.System);
        await QuietAsync();
        GC.Collect();
        var (looks, before) = (server.Looks, ProcessCost.Now());
        await Task.Delay(TimeSpan.FromSeconds(seconds), TimeProvider.System);
        var cost = ProcessCost.Now().Since(before);
        Row($"idle for {seconds} s: CPU, % of one core", "<= 3", Number(cost.Cores * 100));
        Row("  looks at deployments, allocated MB/s, collections", "-", string.Create(
            CultureInfo.InvariantCulture, $"{server.Looks - looks}, {Number(cost.AllocatedBytesPerSecond / 1e6)}, {cost.Gen0}/{cost.Gen1}/{cost.Gen2}"));
        Row("  memory of the process (RSS), MB", "-", Number(ProcessCost.ResidentBytes() / 1e6));
    }

    private async Task ListAllAsync(FleetServer server, int calls, string when)
    {
        (string What, string Query)[] lists =
        [
            ("50", "pageSize=50"), ("200", "pageSize=200"),
            ("50, filter and order", $"pageSize=50&filter={Uri.EscapeDataString("state=\"READY\" AND min_replica_count>=1")}&orderBy={Uri.EscapeDataString("update_time desc")}"),
        ];
        foreach (var (what, query) in lists) await TimeAsync(server, calls, $"list, {when}: page of {what}, ms p50 / p99", $"{Deployments}?{query}");
        await TimeAsync(server, calls, $"get, {when}, ms p50 / p99", $"{Deployments}/{Id(_count / 2)}");
    }

    private async Task TimeAsync(FleetServer server, int calls, string what, string path)
    {
        var times = new double[calls];
        var before = ProcessCost.Now();
        for (var call = -5; call < calls; call++) // the first few compile
        {
            var start = Stopwatch.GetTimestamp();
            using var response = await server.Client.GetAsync(path);
            _ = await response.Content.ReadAsByteArrayAsync();
            if (!response.IsSuccessStatusCode) throw new BenchFailedException($"{path} was answered with {(int)response.StatusCode}");
            if (call >= 0) times[call] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }

        var cost = ProcessCost.Now().Since(before);
        Row(what, "<= 50", $"{Number(Spread.Percentile(times, 0.5))} / {Number(Spread.Percentile(times, 0.99))}, most {Number(times.Max())}, "
            + $"CPU {Number(cost.Cpu.TotalMilliseconds / calls)}, {Number(cost.AllocatedBytes / 1e6 / calls)} MB a call");
    }

    /// <summary>Each of so many deployments goes from its count to one more and back, evenly spread over the time.</summary>
    private async Task ChangingAsync(FleetServer server, int changing, Func<Task> meanwhile)
    {
        if (changing == 0) return;
        using var end = new CancellationTokenSource();
        var changes = ChangeAsync();
        await meanwhile();
        await end.CancelAsync();
        var (made, took) = await changes;
        Row("  counts set meanwhile, a second", "-", Number(made / took));

        async Task<(int Made, double Seconds)> ChangeAsync()
        {
            var (made, start) = (0, Stopwatch.GetTimestamp());
            using var timer = new PeriodicTimer(ChangeEvery / changing);
            while (!end.IsCancellationRequested)
            {
                await timer.WaitForNextTickAsync(CancellationToken.None);
                var count = _each + 1 - (made / changing % 2);
                await server.SendAsync(HttpMethod.Patch, $"{Deployments}/{Id(made++ % changing)}:scale", new { replicaCount = count });
            }

            return (made, Stopwatch.GetElapsedTime(start).TotalSeconds);
        }
    }

    /// <summary>Then every look has to add up what all others hold.</summary>
    private async Task LimitAsync(FleetServer server)
    {
        await SetQuotaAsync(server, Replicas + _count);
        await server.SendAsync(HttpMethod.Post, "/v1/accounts/default/reservations?reservationId=fleet", new
        {
            acceleratorType = FleetFolder.AcceleratorType,
            region = FleetFolder.Region,
            reservedCount = Replicas / 2,
            endTime = TimeProvider.System.GetUtcNow().AddDays(1),
        });
    }

    private static async Task SetQuotaAsync(FleetServer server, int? most) => await server.SendAsync(
        HttpMethod.Patch, "/v1/accounts/default/quotas/global--h100-count?updateMask=max_value", new { maxValue = most?.ToString(CultureInfo.InvariantCulture) });

    /// <summary>What was begun is over, such as looks that follow writes of statuses.</summary>
    private static Task QuietAsync() => Task.Delay(Settling, TimeProvider.System);

    private void Row(string what, string asked, string seen) => _table.Row(what, asked, seen);

    private static string Seconds(long start) => Number(Stopwatch.GetElapsedTime(start).TotalSeconds);

    private static string Number(double value) => Spread.Digits(value);
}
