using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Stoker.Api;
using Stoker.Api.Resources;
using Stoker.EndToEnd.Tests.Harness;

namespace Stoker.EndToEnd.Tests;

/// <summary>Requests before there is a replica, with real processes.</summary>
public class HoldTests
{
    private const string Completions = "inference/v1/completions";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_deployment_at_zero_wakes_for_a_request_and_answers_it()
    {
        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(sandbox);
        await server.DeployAsync("d");
        await ToZeroAsync(server, sandbox, "d");

        using var response = await OpenAsync(server, "d");
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Cancellation));
        var first = await reader.ReadLineAsync(Cancellation).AsTask().WaitAsync(Patience.Time, Cancellation);
        first.ShouldNotBeNull().ShouldStartWith(": stoker phase=");
        var rest = await reader.ReadToEndAsync(Cancellation).WaitAsync(Patience.Time, Cancellation);

        rest.ShouldEndWith("data: [DONE]\n\n");
        rest.ShouldNotContain("\"error\"");
        ReplicaProcesses.Under(sandbox.Root).ShouldHaveSingleItem();

        // Ten at once: it wakes once more, with one replica, and all are answered.
        await ToZeroAsync(server, sandbox, "d");
        var answers = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => AskAsync(server, "d")));
        answers.ShouldAllBe(answer => answer["choices"]!.AsArray().Count == 1);
        ReplicaProcesses.Under(sandbox.Root).ShouldHaveSingleItem();
    }

    [Fact]
    public async Task A_request_right_after_the_creation_is_answered_when_the_first_replica_is_ready()
    {
        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(sandbox);
        await CreateAsync(server, "d");

        var whole = AskAsync(server, "d");
        using var stream = await EventStream.OpenAsync(server.Http, StokerServerProcess.Address("d"), "Once", maxTokens: 3);

        (await stream.RestAsync()).ShouldAllBe(item => item["error"] == null);
        stream.IsDone.ShouldBeTrue();
        (await whole)["choices"]!.AsArray().Count.ShouldBe(1);
    }

    [Fact]
    public async Task A_server_that_ends_lets_held_requests_go_instead_of_waiting_for_them()
    {
        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(
            sandbox, new Dictionary<string, string> { ["Stoker__Capacity__Slots"] = "1" });
        await server.DeployAsync("first"); // has the only slot
        await CreateAsync(server, "d");
        using var response = await OpenAsync(server, "d");
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Cancellation));
        (await reader.ReadLineAsync(Cancellation)).ShouldNotBeNull().ShouldStartWith(": stoker phase=scheduling");

        var ended = server.TerminateAsync();

        var rest = await reader.ReadToEndAsync(Cancellation).WaitAsync(Patience.Time, Cancellation);
        rest.ShouldContain("SERVER_STOPPING");
        rest.ShouldNotContain("[DONE]");
        (await ended).ShouldBe(0, server.Output);
    }

    private static async Task CreateAsync(StokerServerProcess server, string id)
    {
        using var created = await server.Http.PostAsJsonAsync(
            $"v1/accounts/default/deployments?deploymentId={id}",
            new DeploymentResource { BaseModel = "accounts/fireworks/models/story-3m" },
            ApiJson.Default.DeploymentResource,
            Cancellation);
        created.IsSuccessStatusCode.ShouldBeTrue();
        // The routing table follows the creation by milliseconds.
        await Patience.UntilAsync(
            () => server.Http.GetStringAsync("v1/models", Cancellation), models => models.Contains($"deployments/{id}", StringComparison.Ordinal), $"{id} is known");
    }

    private static async Task ToZeroAsync(StokerServerProcess server, Sandbox sandbox, string id)
    {
        using var scaled = await server.Http.PatchAsJsonAsync($"v1/accounts/default/deployments/{id}:scale", new { replicaCount = 0 }, Cancellation);
        scaled.IsSuccessStatusCode.ShouldBeTrue(await scaled.Content.ReadAsStringAsync(Cancellation));
        await Patience.UntilAsync(() => Task.FromResult(ReplicaProcesses.Under(sandbox.Root).Count), count => count == 0, "no replica");
    }

    private static async Task<HttpResponseMessage> OpenAsync(StokerServerProcess server, string id)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Completions)
        {
            Content = JsonContent.Create(new { model = StokerServerProcess.Address(id), prompt = "Once upon a time", max_tokens = 5, stream = true }),
        };
        var response = await server.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancellation);
        ((int)response.StatusCode).ShouldBe(200);
        return response;
    }

    private static async Task<JsonNode> AskAsync(StokerServerProcess server, string id)
    {
        using var answer = await server.Http.PostAsJsonAsync(
            Completions, new { model = StokerServerProcess.Address(id), prompt = "Once upon a time", max_tokens = 3 }, Cancellation);
        var body = await answer.Content.ReadAsStringAsync(Cancellation);
        ((int)answer.StatusCode).ShouldBe(200, body);
        return JsonNode.Parse(body)!;
    }
}
