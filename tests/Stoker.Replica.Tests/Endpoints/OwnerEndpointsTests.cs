using System.Net;
using Stoker.Replica.Simulated;
using Stoker.Testing;

namespace Stoker.Replica.Tests.Endpoints;

public sealed class OwnerEndpointsTests
{
    private static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task Health_is_503_with_progress_while_the_model_loads_and_200_with_identity_once_it_answers()
    {
        var time = new ManualTime(Noon);
        using var handler = new SimulatedReplicaHandler(new() { BootTime = TimeSpan.FromSeconds(10), Slots = 5 }, time, replicaId: "r-7");
        using var client = new HttpClient(handler, disposeHandler: false) { BaseAddress = new("http://replica") };
        var (status, health) = await HealthAsync(client);
        (status, health["state"]!.GetValue<string>()).ShouldBe((HttpStatusCode.ServiceUnavailable, "LOADING"));
        health["progress"]!.GetValue<double>().ShouldBe(0);
        (await PostAsync(client, "/v1/completions", """{"model":"simulated","prompt":"x"}""")).ShouldBe(HttpStatusCode.ServiceUnavailable);
        (await PostAsync(client, "/v1/models", "")).ShouldBe(HttpStatusCode.MethodNotAllowed);
        await LoadAsync(handler, time);
        (status, health) = await HealthAsync(client);
        (status, health["state"]!.GetValue<string>()).ShouldBe((HttpStatusCode.OK, "READY"));
        health["replicaId"]!.GetValue<string>().ShouldBe("r-7");
        health["protocol"]!.GetValue<int>().ShouldBe(1);
        health["maxSequences"]!.GetValue<int>().ShouldBe(5);
        health["heartbeatAgeMs"]!.GetValue<long>().ShouldBe(0);
        health["requests"]!.GetValue<int>().ShouldBe(0);
    }

    [Fact]
    public async Task A_load_that_fails_is_told_as_FAILED()
    {
        using var handler = new SimulatedReplicaHandler(new() { FailLoad = true }, new ManualTime(Noon));
        using var client = new HttpClient(handler, disposeHandler: false) { BaseAddress = new("http://replica") };
        await Should.ThrowAsync<Stoker.Engine.ModelLoadException>(() => handler.Loaded);
        var (status, health) = await HealthAsync(client);
        (status, health["state"]!.GetValue<string>()).ShouldBe((HttpStatusCode.ServiceUnavailable, "FAILED"));
    }

    [Theory]
    [InlineData("""{"replicaId":"replica-1","seconds":30}""", 200)]
    [InlineData("""{"replicaId":"other","seconds":30}""", 409)]
    [InlineData("""{"replicaId":"replica-1","seconds":0}""", 400)]
    [InlineData("""{"replicaId":"replica-1","seconds":1e9}""", 400)]
    [InlineData("""{"replicaId":"replica-1","seconds":30,"more":1}""", 400)]
    [InlineData("""{"replicaId":"replica-1"}""", 400)]
    [InlineData("null", 400)]
    [InlineData("", 400)]
    public async Task A_lease_is_renewed_only_for_the_owner_that_knows_the_replica(string body, int status)
    {
        await using var replica = await RunningReplica.StartAsync();
        using var content = new StringContent(body);
        using var response = await replica.Client.PostAsync("/stoker/v1/lease", content, TestContext.Current.CancellationToken);
        ((int)response.StatusCode).ShouldBe(status);
    }

    private static async Task LoadAsync(SimulatedReplicaHandler handler, ManualTime time)
    {
        while (!handler.Loaded.IsCompleted)
        {
            time.Advance(TimeSpan.FromSeconds(1)); // each of the loader's delays is armed after the one before fired
            await Task.Yield();
        }

        await handler.Loaded;
    }

    private static async Task<(HttpStatusCode Status, System.Text.Json.Nodes.JsonNode Health)> HealthAsync(HttpClient client)
    {
        using var response = await client.GetAsync("/health");
        return (response.StatusCode, System.Text.Json.Nodes.JsonNode.Parse(await response.Content.ReadAsStringAsync())!);
    }

    private static async Task<HttpStatusCode> PostAsync(HttpClient client, string path, string body)
    {
        using var content = new StringContent(body);
        using var response = await client.PostAsync(path, content);
        return response.StatusCode;
    }
}
