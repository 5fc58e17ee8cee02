using System.Diagnostics;
using System.Globalization;
using Stoker.Benchmarks.Replicas;

namespace Stoker.Benchmarks.Waking;

/// <summary>One wake, in ms; see <see cref="WakingBench"/> for what the phases mean.</summary>
/// <param name="Ready">The replica's own stamp.</param>
/// <param name="Seen">From there to the ledger's stamp, which is taken right before requests can reach the replica.</param>
/// <param name="Answered">From ready to the first event at the client: all of it.</param>
/// <param name="Replica">Of that, while the replica had the request, by the gateway's clock.</param>
/// <param name="Computed">Of that, what the replica says it computed.</param>
internal sealed record WakeSample(
    long Ready, double Comment, double Started, double Booted, double Seen, double Answered, double Replica, double Computed, double Total)
{
    /// <summary>The gateway's own: to notice the replica, to send the request, and to pass the answer's beginning on.</summary>
    public double Gateway => Answered - Replica;
}

/// <summary>Deployments that are brought to zero and woken by one request each, all at the same moment.</summary>
internal sealed class Waking(ServerProcess server, ServerFolder folder, IReadOnlyList<string> deployments)
{
    public async Task CreateAsync(object deployment)
    {
        foreach (var name in deployments) await server.CreateAsync(name, deployment);
        await ToZeroAsync();
    }

    public async Task<IReadOnlyList<WakeSample>> RunAsync()
    {
        await ToZeroAsync();
        var requests = await Task.WhenAll(deployments.Select(name => WakingRequest.SendAsync(server, name)));
        var replicas = folder.Replicas().ToDictionary(replica => replica.Id);
        var samples = new List<WakeSample>();
        for (var index = 0; index < requests.Length; index++) samples.Add(await SampleAsync(deployments[index], requests[index], replicas));
        return samples;
    }

    /// <summary>Until no replica is there.</summary>
    public async Task ToZeroAsync()
    {
        foreach (var name in deployments) await server.ScaleAsync(name, 0);
        await ServerProcess.UntilAsync("no replica", () => Task.FromResult(folder.Replicas().Count == 0));
        await Task.Delay(TimeSpan.FromSeconds(1), TimeProvider.System); // what the ends left to do
    }

    private async Task<WakeSample> SampleAsync(string deployment, WakingRequest request, Dictionary<string, RunningReplica> replicas)
    {
        if (request.Comment == 0) throw new BenchFailedException($"{deployment} was not at zero.");
        var intervals = await server.GetAsync($"v1/accounts/default/deployments/{deployment}:intervals?pageSize=200");
        var open = intervals["intervals"]!.AsArray().Single(interval => interval!["state"]!.GetValue<string>() == "RUNNING")!;
        var replica = replicas[open["replica"]!.GetValue<string>()];
        var ready = await ReadyStamp.ReadAsync(replica.Socket);
        var seen = AtWall(DateTimeOffset.Parse(open["startTime"]!.GetValue<string>(), CultureInfo.InvariantCulture));
        return new(
            ready,
            Milliseconds(request.Sent, request.Comment),
            Milliseconds(request.Sent, replica.StartedAt),
            Milliseconds(replica.StartedAt, ready),
            Milliseconds(ready, seen),
            Milliseconds(ready, request.First),
            await server.ReplicaTookAsync(request.Id),
            request.ReplicaFirst,
            Milliseconds(request.Sent, request.First));
    }

    /// <summary>A time of the wall clock as a timestamp; nobody steps the clock while a bench runs.</summary>
    private static long AtWall(DateTimeOffset time)
    {
        var (stamp, now) = (Stopwatch.GetTimestamp(), TimeProvider.System.GetUtcNow());
        return stamp - (long)((now - time).TotalSeconds * Stopwatch.Frequency);
    }

    private static double Milliseconds(long from, long to) => (to - from) * 1000.0 / Stopwatch.Frequency;
}
