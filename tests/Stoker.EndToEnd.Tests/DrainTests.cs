using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Stoker.Api;
using Stoker.Api.Resources;
using Stoker.EndToEnd.Tests.Harness;
using Stoker.Replica.Simulated;

namespace Stoker.EndToEnd.Tests;

/// <summary>
/// Open streams across everything that ends a replica or a server: real processes, none of the streams is cut, and each has
/// the text that it has undisturbed. The bench <c>streams</c> does the same with 200.
/// </summary>
public class DrainTests
{
    private const int Streams = 20;
    private const int Replicas = 3; // eight sequences each

    /// <summary>The simulated engine makes fifty tokens a second: ten seconds, within the model's context.</summary>
    private const int Tokens = 480;

    private static readonly Dictionary<string, string> Simulated = new()
    {
        ["Stoker__Runtime__Engine"] = "simulated",
        ["Stoker__Capacity__Slots"] = "8",
        ["Stoker__Runtime__StopBound"] = "00:00:01", // what is cut, is cut soon
    };

    [Fact]
    public async Task Fewer_replicas_cut_no_stream()
    {
        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(sandbox, Simulated);
        await DeployAsync(server);
        var streams = await OpenAsync(server);
        await UpdateAsync(server, new() { MinReplicaCount = 1, MaxReplicaCount = 1 });
        await ReadyAsync(server, count: 1);
        await ShouldEndWholeAsync(streams);
        await Patience.UntilAsync(() => Task.FromResult(ReplicaProcesses.Under(sandbox.Root).Count), count => count == 1, "one replica");
    }

    [Fact]
    public async Task A_rolling_update_cuts_no_stream()
    {
        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(sandbox, Simulated);
        await DeployAsync(server);
        var old = ReplicaProcesses.Under(sandbox.Root).Select(process => process.Id).ToList();
        var streams = await OpenAsync(server);
        await UpdateAsync(server, new() { MaxContextLength = 500 });
        await ReadyAsync(server, Replicas);
        await ShouldEndWholeAsync(streams);
        await Patience.UntilAsync(
            () => Task.FromResult(ReplicaProcesses.Under(sandbox.Root).Select(process => process.Id).ToList()),
            ids => ids.Count == Replicas && !ids.Intersect(old).Any(),
            "new replicas alone");
    }

    [Fact]
    public async Task An_upgrade_of_the_server_cuts_no_stream_and_the_next_one_serves_meanwhile()
    {
        using var sandbox = new Sandbox();
        await using var first = await StokerServerProcess.StartAsync(sandbox, Simulated, "--leave-replicas");
        await DeployAsync(first);
        var replicas = ReplicaProcesses.Under(sandbox.Root).Select(process => process.Id).Order().ToList();
        var streams = await OpenAsync(first);
        // One that would go on for minutes: as long as it does, the first server is there.
        using var endless = await EventStream.OpenAsync(first.Http, StokerServerProcess.Address("d"), "Once upon a time", Tokens, choices: 128);
        (await endless.NextAsync()).ShouldNotBeNull();
        Task reading = endless.RestAsync(); // a client that does not read would be cut for that

        var ended = first.TerminateAsync();
        await Patience.UntilAsync(() => ListensAsync(first.Url), listens => !listens, "the first server closes its listener");
        await using (var second = await StokerServerProcess.StartOnAsync(first.Url, sandbox, Simulated, "--leave-replicas"))
        {
            await ReadyAsync(second, Replicas);
            await Patience.UntilAsync(() => AnswersAsync(second), answers => answers, "the second server answers");
            ended.IsCompleted.ShouldBeFalse(first.Output);

            await ShouldEndWholeAsync(streams);
            endless.Dispose();
            await EndedAsync(reading);
            (await ended).ShouldBe(0, first.Output);
            ReplicaProcesses.Under(sandbox.Root).Select(process => process.Id).Order().ShouldBe(replicas); // adopted, none was started
            (await second.TerminateAsync()).ShouldBe(0, second.Output);
        }
    }

    [Fact]
    public async Task Streams_of_a_killed_replica_go_on_or_end_with_an_error_event()
    {
        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(sandbox, Simulated);
        await DeployAsync(server);
        var streams = await OpenAsync(server);

        ReplicaProcesses.Under(sandbox.Root)[0].Kill(); // has six or seven of them

        var rests = await Task.WhenAll(streams.Select(stream => stream.RestAsync())); // throws where one is cut
        var texts = await UndisturbedAsync();
        for (var number = 0; number < Streams; number++)
        {
            var (stream, last) = (streams[number], rests[number][^1]);
            if (stream.IsDone) stream.Text.ShouldBe(texts[number]);
            else texts[number].ShouldStartWith(stream.Text, Case.Sensitive);
            (last["error"] is null).ShouldBe(stream.IsDone, last.ToJsonString());
            stream.Dispose();
        }

        await ReadyAsync(server, Replicas);
    }

    private static async Task DeployAsync(StokerServerProcess server)
    {
        var asked = new DeploymentResource { BaseModel = "story-3m", MinReplicaCount = Replicas, MaxReplicaCount = Replicas };
        using var created = await server.Http.PostAsJsonAsync("v1/accounts/default/deployments?deploymentId=d", asked, ApiJson.Default.DeploymentResource);
        created.IsSuccessStatusCode.ShouldBeTrue(await created.Content.ReadAsStringAsync());
        await ReadyAsync(server, Replicas);
    }

    private static async Task UpdateAsync(StokerServerProcess server, DeploymentResource patch)
    {
        using var updated = await server.Http.PatchAsJsonAsync("v1/accounts/default/deployments/d", patch, ApiJson.Default.DeploymentResource);
        updated.IsSuccessStatusCode.ShouldBeTrue(await updated.Content.ReadAsStringAsync());
    }

    private static Task<DeploymentResource> ReadyAsync(StokerServerProcess server, int count) => Patience.UntilAsync(
        () => server.GetAsync("d"), deployment => deployment.State == "READY" && deployment.ReplicaStats?.ReadyReplicaCount == count, $"{count} ready replicas");

    /// <summary>Streams that all have begun.</summary>
    private static async Task<IReadOnlyList<EventStream>> OpenAsync(StokerServerProcess server)
    {
        var streams = await Task.WhenAll(Enumerable.Range(0, Streams).Select(number =>
            EventStream.OpenAsync(server.Http, StokerServerProcess.Address("d"), Prompt(number), Tokens)));
        foreach (var stream in streams) (await stream.NextAsync()).ShouldNotBeNull();
        return streams;
    }

    private static async Task ShouldEndWholeAsync(IReadOnlyList<EventStream> streams)
    {
        var rests = await Task.WhenAll(streams.Select(stream => stream.RestAsync()));
        var texts = await UndisturbedAsync();
        streams.Select(stream => stream.Text).ShouldBe(texts);
        foreach (var (stream, rest) in streams.Zip(rests))
        {
            rest.ShouldAllBe(item => item["error"] == null);
            stream.IsDone.ShouldBeTrue();
            rest[^1]["usage"].ShouldNotBeNull()["completion_tokens"]!.GetValue<int>().ShouldBe(Tokens);
            stream.Dispose();
        }
    }

    private static string Prompt(int number) => $"Once upon a time {number}";

    /// <summary>What the streams say when nothing happens, from a replica of this process that hurries.</summary>
    private static async Task<IReadOnlyList<string>> UndisturbedAsync()
    {
        using var replica = new SimulatedReplicaHandler(new() { DecodeTokensPerSecond = 1e6, Slots = Streams }, TimeProvider.System);
        using var client = new HttpClient(replica, disposeHandler: false) { BaseAddress = new("http://replica") };
        await replica.Loaded;
        return await Task.WhenAll(Enumerable.Range(0, Streams).Select(async number =>
        {
            using var answer = await client.PostAsJsonAsync(
                "v1/completions", new { model = "simulated", prompt = Prompt(number), max_tokens = Tokens, temperature = 0, ignore_eos = true });
            answer.IsSuccessStatusCode.ShouldBeTrue();
            return (await answer.Content.ReadFromJsonAsync<JsonNode>())!["choices"]![0]!["text"]!.GetValue<string>();
        }));
    }

    /// <summary>However it ended: this side hung up.</summary>
    private static async Task EndedAsync(Task reading) => await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private static async Task<bool> AnswersAsync(StokerServerProcess server)
    {
        using var answer = await server.Http.PostAsJsonAsync(
            "inference/v1/completions", new { model = StokerServerProcess.Address("d"), prompt = "Once", max_tokens = 1 });
        return answer.IsSuccessStatusCode;
    }

    private static async Task<bool> ListensAsync(Uri url)
    {
        using var client = new HttpClient { BaseAddress = url }; // a connection of its own each time
        try
        {
            using var answer = await client.GetAsync("health");
            return true;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}
