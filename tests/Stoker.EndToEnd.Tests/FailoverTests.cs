using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Stoker.Api;
using Stoker.Api.Resources;
using Stoker.EndToEnd.Tests.Harness;

namespace Stoker.EndToEnd.Tests;

/// <summary>Replicas killed in the middle of streams: real processes, real kernels.</summary>
public class FailoverTests
{
    private const int Tokens = 480;
    private const int SimulatedTokens = 100; // two seconds
    private const int Streams = 16;
    private const int Burst = 12;

    // The built-in model is quick: a stream may be over before the kill. One of so many rounds has to catch one.
    private const int Rounds = 5;

    private static readonly Dictionary<string, string> TwoSlots = new() { ["Stoker__Capacity__Pinned"] = "false", ["Stoker__Capacity__Slots"] = "2" };
    private static readonly Dictionary<string, string> Simulated = new() { ["Stoker__Runtime__Engine"] = "simulated" };

    [Fact]
    public async Task Greedy_and_seeded_streams_of_a_killed_replica_end_with_the_text_of_an_undisturbed_run()
    {
        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(sandbox, TwoSlots);
        await DeployAsync(server, replicas: 2);
        var whole = await Task.WhenAll(Enumerable.Range(0, Streams).Select(number => CompleteAsync(server, number)));
        for (var round = 0; ; round++)
        {
            round.ShouldBeLessThan(Rounds, "no stream was open when its replica was killed");
            var killed = ReplicaProcesses.Under(sandbox.Root)[0];
            var streams = await Task.WhenAll(Enumerable.Range(0, Streams).Select(number => OpenAsync(server, number, Tokens)));
            killed.Kill();

            var texts = await Task.WhenAll(streams.Select(stream => ReadAsync(stream, Tokens)));
            for (var number = 0; number < Streams; number++) texts[number].ShouldBe(whole[number]);
            await Patience.UntilAsync(
                () => server.GetAsync("d"), deployment => deployment.ReplicaStats?.ReadyReplicaCount == 2
                    && ReplicaProcesses.Under(sandbox.Root).All(process => process.Id != killed.Id), "two ready replicas");
            if (server.Output.Contains("goes on on")) return;
        }
    }

    [Fact]
    public async Task The_only_replicas_stream_goes_on_on_the_one_that_starts_in_its_place_and_an_unseeded_one_gets_the_error()
    {
        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(sandbox, Simulated);
        await DeployAsync(server, replicas: 1);
        using var whole = await OpenAsync(server, 0, SimulatedTokens);
        var expected = await ReadAsync(whole, SimulatedTokens);
        var killed = ReplicaProcesses.Under(sandbox.Root).ShouldHaveSingleItem();
        using var greedy = await OpenAsync(server, 0, SimulatedTokens);
        using var sampled = await EventStream.OpenAsync(server.Http, StokerServerProcess.Address("d"), "Once upon a time", SimulatedTokens, temperature: 1);
        await sampled.NextAsync();

        killed.Kill();

        (await ReadAsync(greedy, SimulatedTokens)).ShouldBe(expected);
        var last = (await sampled.RestAsync())[^1];
        last["error"].ShouldNotBeNull(last.ToJsonString())["message"]!.GetValue<string>().ShouldContain("drawn at random");
        sampled.IsDone.ShouldBeFalse();
    }

    [Fact]
    public async Task Whole_answers_asked_around_the_kill_of_the_only_replica_all_come()
    {
        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(sandbox, Simulated);
        await DeployAsync(server, replicas: 1);
        var killed = ReplicaProcesses.Under(sandbox.Root).ShouldHaveSingleItem();
        await AskAsync(server); // there is a connection now, which will be dead
        var running = Enumerable.Range(0, 6).Select(_ => AskAsync(server)).ToList();

        killed.Kill();
        var after = Enumerable.Range(0, Burst).Select(_ => AskAsync(server)).ToList();

        (await Task.WhenAll(running.Concat(after))).ShouldAllBe(answer => answer == "200");
        ReplicaProcesses.Under(sandbox.Root).ShouldHaveSingleItem().Id.ShouldNotBe(killed.Id);
    }

    /// <returns>The status, and the error's body.</returns>
    private static async Task<string> AskAsync(StokerServerProcess server)
    {
        using var answer = await server.Http.PostAsJsonAsync(
            "inference/v1/completions", new { model = StokerServerProcess.Address("d"), prompt = "Once upon a time", max_tokens = 20 });
        return answer.IsSuccessStatusCode ? "200" : $"{(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}";
    }

    [Fact]
    public async Task A_deployment_that_wants_the_error_gets_it()
    {
        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(sandbox, Simulated);
        await DeployAsync(server, replicas: 1);
        var replica = ReplicaProcesses.Under(sandbox.Root).ShouldHaveSingleItem().Id;
        await WantErrorAsync(server);
        ReplicaProcesses.Under(sandbox.Root).ShouldHaveSingleItem().Id.ShouldBe(replica); // it is not replaced for that
        (await server.GetAsync("d")).StokerBrokenStreams.ShouldBe("ERROR");
        await Patience.UntilAsync(() => BreakAsync(server, sandbox), message => message?.Contains("stoker_broken_streams") == true, "the deployment's wish");
    }

    private static async Task WantErrorAsync(StokerServerProcess server)
    {
        using var updated = await server.Http.PatchAsJsonAsync(
            "v1/accounts/default/deployments/d", new DeploymentResource { StokerBrokenStreams = "ERROR" }, ApiJson.Default.DeploymentResource);
        updated.IsSuccessStatusCode.ShouldBeTrue(await updated.Content.ReadAsStringAsync());
    }

    /// <summary>The error of a stream whose replica is killed; the gateway hears of an update a moment later.</summary>
    private static async Task<string?> BreakAsync(StokerServerProcess server, Sandbox sandbox)
    {
        using var stream = await OpenAsync(server, 0, SimulatedTokens);
        foreach (var process in ReplicaProcesses.Under(sandbox.Root)) process.Kill();
        return (await stream.RestAsync())[^1]["error"]?["message"]?.GetValue<string>();
    }

    private static async Task DeployAsync(StokerServerProcess server, int replicas)
    {
        var asked = new DeploymentResource { BaseModel = "story-3m", MinReplicaCount = replicas, MaxReplicaCount = replicas };
        using var created = await server.Http.PostAsJsonAsync("v1/accounts/default/deployments?deploymentId=d", asked, ApiJson.Default.DeploymentResource);
        created.IsSuccessStatusCode.ShouldBeTrue(await created.Content.ReadAsStringAsync());
        await Patience.UntilAsync(
            () => server.GetAsync("d"), deployment => deployment.State == "READY" && deployment.ReplicaStats?.ReadyReplicaCount == replicas, "ready replicas");
    }

    /// <summary>The first is greedy, the others are drawn with a seed; all of them have begun.</summary>
    private static async Task<EventStream> OpenAsync(StokerServerProcess server, int number, int tokens)
    {
        var stream = await EventStream.OpenAsync(
            server.Http, StokerServerProcess.Address("d"), "Once upon a time", tokens, temperature: number == 0 ? 0 : 1, seed: number == 0 ? null : number);
        stream.Begun = (await stream.NextAsync()).ShouldNotBeNull();
        return stream;
    }

    private static async Task<string> ReadAsync(EventStream stream, int tokens)
    {
        var events = (await stream.RestAsync()).Prepend(stream.Begun!).ToList();
        events.ShouldAllBe(item => item["error"] == null);
        stream.IsDone.ShouldBeTrue();
        events.Select(item => (item["id"]!.GetValue<string>(), item["created"]!.GetValue<long>())).Distinct().Count().ShouldBe(1);
        events.Count(item => item["usage"] is not null).ShouldBe(1);
        events[^1]["usage"]!["completion_tokens"]!.GetValue<int>().ShouldBe(tokens);
        return string.Concat(events.Select(item => item["choices"]![0]!["text"]!.GetValue<string>()));
    }

    private static async Task<string> CompleteAsync(StokerServerProcess server, int number)
    {
        var body = new JsonObject
        {
            ["model"] = StokerServerProcess.Address("d"),
            ["prompt"] = "Once upon a time",
            ["max_tokens"] = Tokens,
            ["ignore_eos"] = true,
            ["temperature"] = number == 0 ? 0 : 1,
            ["seed"] = number == 0 ? null : number,
        };
        using var answer = await server.Http.PostAsJsonAsync("inference/v1/completions", body);
        return JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["choices"]![0]!["text"]!.GetValue<string>();
    }
}
