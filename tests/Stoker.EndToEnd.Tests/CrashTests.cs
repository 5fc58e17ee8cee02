using System.Diagnostics;
using System.Net.Http.Json;
using Stoker.EndToEnd.Tests.Harness;

namespace Stoker.EndToEnd.Tests;

/// <summary>Real processes, killed for real.</summary>
public class CrashTests
{
    private static readonly TimeSpan ReplacementBound = TimeSpan.FromSeconds(3);

    // A bound on time, on a machine that may be busy: one kill of three has to keep it.
    private const int Kills = 3;

    [Fact]
    public async Task A_killed_replica_ends_its_stream_with_an_error_and_is_replaced_within_three_seconds()
    {
        var taken = new List<TimeSpan>();
        while (taken.Count < Kills && !taken.Exists(time => time < ReplacementBound)) taken.Add(await ReplaceAsync());
        taken.Min().ShouldBeLessThan(ReplacementBound, $"of {string.Join(", ", taken)}");
    }

    /// <returns>From the kill to an answer of another replica.</returns>
    private static async Task<TimeSpan> ReplaceAsync()
    {
        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(sandbox);
        await server.DeployAsync("d");
        var replica = ReplicaProcesses.Under(sandbox.Root).ShouldHaveSingleItem();

        // One choice is over after 50 ms, which may be before the kill.
        using var stream = await EventStream.OpenAsync(server.Http, StokerServerProcess.Address("d"), "Once upon a time", maxTokens: 500, choices: 32);
        (await stream.NextAsync()).ShouldNotBeNull();

        var killed = Stopwatch.GetTimestamp();
        replica.Kill();
        var last = (await stream.RestAsync())[^1];
        last["error"].ShouldNotBeNull(last.ToJsonString())["message"]!.GetValue<string>().ShouldNotBeNullOrEmpty();
        stream.IsDone.ShouldBeFalse();

        // Ready again is: a new process, and an answer from it.
        await Patience.UntilAsync(
            async () => (await PostAsync(server, "d"), ReplicaProcesses.Under(sandbox.Root)),
            seen => seen.Item1 && seen.Item2.Any(process => process.Id != replica.Id),
            "a new replica that answers");
        var taken = Stopwatch.GetElapsedTime(killed);
        (await server.ReadyAsync("d")).State.ShouldBe("READY");
        return taken;
    }

    [Fact]
    public async Task A_killed_server_finds_its_replicas_and_resources_again()
    {
        using var sandbox = new Sandbox();
        int replica;
        string key;
        await using (var first = await StokerServerProcess.StartAsync(sandbox))
        {
            await first.DeployAsync("d");
            replica = ReplicaProcesses.Under(sandbox.Root).ShouldHaveSingleItem().Id;
            key = first.Key;
            await first.KillAsync();
        }

        ReplicaProcesses.Under(sandbox.Root).ShouldHaveSingleItem().Id.ShouldBe(replica);
        await using var second = await StokerServerProcess.StartAsync(sandbox);
        second.Key.ShouldBe(key);
        await second.ReadyAsync("d");
        (await PostAsync(second, "d")).ShouldBeTrue();
        ReplicaProcesses.Under(sandbox.Root).ShouldHaveSingleItem().Id.ShouldBe(replica);
    }

    [Fact]
    public async Task Replicas_of_a_killed_server_that_never_comes_back_end_with_their_lease()
    {
        using var sandbox = new Sandbox();
        var lease = new Dictionary<string, string> { ["Stoker__Runtime__LeaseLength"] = "00:00:02", ["Stoker__Runtime__LeaseRenewal"] = "00:00:00.500" };
        await using var server = await StokerServerProcess.StartAsync(sandbox, lease);
        await server.DeployAsync("d");
        ReplicaProcesses.Under(sandbox.Root).ShouldHaveSingleItem();
        await server.KillAsync();
        await Patience.UntilAsync(() => Task.FromResult(ReplicaProcesses.Under(sandbox.Root).Count), count => count == 0, "no replica");
    }

    [Fact]
    public async Task A_terminated_server_stops_its_replicas_after_their_streams()
    {
        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(sandbox);
        await server.DeployAsync("d");
        using var stream = await EventStream.OpenAsync(server.Http, StokerServerProcess.Address("d"), "Once upon a time", maxTokens: 400);
        (await stream.NextAsync()).ShouldNotBeNull();
        var ended = server.TerminateAsync();
        var rest = await stream.RestAsync();
        rest.ShouldAllBe(item => item["error"] == null);
        stream.IsDone.ShouldBeTrue();
        (await ended).ShouldBe(0, server.Output);
        ReplicaProcesses.Under(sandbox.Root).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_terminated_server_waits_for_streams_that_take_their_time()
    {
        // The simulated engine makes a token in a fixed time: 400 of them outlast any short patience on the way.
        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(sandbox, new Dictionary<string, string> { ["Stoker__Runtime__Engine"] = "simulated" });
        await server.DeployAsync("d");
        using var stream = await EventStream.OpenAsync(server.Http, StokerServerProcess.Address("d"), "Once upon a time", maxTokens: 400);
        (await stream.NextAsync()).ShouldNotBeNull();
        var ended = server.TerminateAsync();
        (await stream.RestAsync()).ShouldAllBe(item => item["error"] == null);
        stream.IsDone.ShouldBeTrue();
        (await ended).ShouldBe(0, server.Output);
    }

    [Fact]
    public async Task A_server_that_leaves_its_replicas_leaves_them_running()
    {
        using var sandbox = new Sandbox();
        await using (var first = await StokerServerProcess.StartAsync(sandbox, null, "--leave-replicas"))
        {
            await first.DeployAsync("d");
            (await first.TerminateAsync()).ShouldBe(0, first.Output);
        }

        var replica = ReplicaProcesses.Under(sandbox.Root).ShouldHaveSingleItem().Id;
        await using var second = await StokerServerProcess.StartAsync(sandbox);
        await second.ReadyAsync("d");
        ReplicaProcesses.Under(sandbox.Root).ShouldHaveSingleItem().Id.ShouldBe(replica);
        (await second.TerminateAsync()).ShouldBe(0, second.Output);
        ReplicaProcesses.Under(sandbox.Root).ShouldBeEmpty();
    }

    private static async Task<bool> PostAsync(StokerServerProcess server, string id)
    {
        using var answer = await server.Http.PostAsJsonAsync(
            "inference/v1/completions", new { model = StokerServerProcess.Address(id), prompt = "Once", max_tokens = 1 });
        return answer.IsSuccessStatusCode;
    }
}
