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
        health["readyMs"].ShouldBeNull();
        (await PostAsync(client, "/v1/completions", """{"model":"simulated","prompt":"x"}""")).ShouldBe(HttpStatusCode.ServiceUnavailable);
        (await PostAsync(client, "/v1/models", "")).ShouldBe(HttpStatusCode.MethodNotAllowed);
        await LoadAsync(handler, time);
        (status, health) = await HealthAsync(client);
        (status, health["state"]!.GetValue<string>()).ShouldBe((HttpStatusCode.OK, "READY"));
        health["replicaId"]!.GetValue<string>().ShouldBe("r-7");
        health["protocol"]!.GetValue<int>().ShouldBe(1);
        health["maxSequences"]!.GetValue<int>().ShouldBe(5);
        health["cacheTokens"]!.GetValue<long>().ShouldBe(65_536);
        health["heartbeatAgeMs"]!.GetValue<long>().ShouldBe(0);
        health["requests"]!.GetValue<int>().ShouldBe(0);
        health["readyMs"]!.GetValue<double>().ShouldBe(0);
        time.Advance(TimeSpan.FromSeconds(3));
        (await HealthAsync(client)).Health["readyMs"]!.GetValue<double>().ShouldBe(3000);
    }

    [Fact]
    public async Task An_owner_that_waits_hears_that_the_replica_is_ready()
    {
        var time = new ManualTime(Noon);
        using var handler = new SimulatedReplicaHandler(new() { BootTime = TimeSpan.FromSeconds(2) }, time);
        using var client = new HttpClient(handler, disposeHandler: false) { BaseAddress = new("http://replica") };
        var told = (await HealthAsync(client)).Health;
        while (told["state"]!.GetValue<string>() == "LOADING")
        {
            var waiting = HealthAsync(client, "?waitMs=10000");
            while (!waiting.IsCompleted) await AdvanceAsync(time, TimeSpan.FromMilliseconds(20));
            told = (await waiting).Health;
        }

        told["state"]!.GetValue<string>().ShouldBe("READY");
        (await HealthAsync(client, "?waitMs=10000")).Health["state"]!.GetValue<string>().ShouldBe("READY"); // nothing to wait for
    }

    [Fact]
    public async Task Without_news_it_answers_after_the_wait()
    {
        var time = new ManualTime(Noon);
        using var handler = new SimulatedReplicaHandler(new() { BootTime = TimeSpan.FromDays(1) }, time);
        using var client = new HttpClient(handler, disposeHandler: false) { BaseAddress = new("http://replica") };
        (await HealthAsync(client, "?waitMs=0")).Health["state"]!.GetValue<string>().ShouldBe("LOADING");

        var waiting = HealthAsync(client, "?waitMs=500");
        await AdvanceAsync(time, TimeSpan.FromMilliseconds(499));
        waiting.IsCompleted.ShouldBeFalse();
        time.Advance(TimeSpan.FromMilliseconds(1));

        (await waiting).Health["state"]!.GetValue<string>().ShouldBe("LOADING");
        handler.Crash();
    }

    [Fact]
    public async Task A_load_that_fails_is_news_too()
    {
        var time = new ManualTime(Noon);
        using var handler = new SimulatedReplicaHandler(new() { BootTime = TimeSpan.FromSeconds(1), FailLoad = true }, time);
        using var client = new HttpClient(handler, disposeHandler: false) { BaseAddress = new("http://replica") };
        var health = await HealthAsync(client);
        while (health.Health["state"]!.GetValue<string>() == "LOADING")
        {
            var waiting = HealthAsync(client, "?waitMs=10000");
            // Not to the end of the wait, however late the answer is: who asked for longer hears of it all the same.
            while (!waiting.IsCompleted && time.GetUtcNow() < Noon.AddSeconds(9)) await AdvanceAsync(time, TimeSpan.FromMilliseconds(50));
            health = await waiting;
        }

        (health.Status, health.Health["state"]!.GetValue<string>()).ShouldBe((HttpStatusCode.ServiceUnavailable, "FAILED"));
        await Should.ThrowAsync<Stoker.Engine.ModelLoadException>(() => handler.Loaded);
    }

    [Theory]
    [InlineData("?waitMs=-1")]
    [InlineData("?waitMs=10001")]
    [InlineData("?waitMs=soon")]
    [InlineData("?waitMs=")]
    public async Task Another_wait_is_refused(string query)
    {
        await using var replica = await RunningReplica.StartAsync();
        var (status, body) = await HealthAsync(replica.Client, query);
        status.ShouldBe(HttpStatusCode.BadRequest);
        body["error"]!["message"]!.GetValue<string>().ShouldBe("'waitMs' must be an integer from 0 to 10000.");
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

    /// <summary>Moves the clock, and lets what that sets off run.</summary>
    private static async Task AdvanceAsync(ManualTime time, TimeSpan by)
    {
        time.Advance(by);
        for (var turn = 0; turn < 10; turn++) await Task.Yield();
    }

    private static async Task<(HttpStatusCode Status, System.Text.Json.Nodes.JsonNode Health)> HealthAsync(HttpClient client, string query = "")
    {
        using var response = await client.GetAsync("/health" + query);
        return (response.StatusCode, System.Text.Json.Nodes.JsonNode.Parse(await response.Content.ReadAsStringAsync())!);
    }

    private static async Task<HttpStatusCode> PostAsync(HttpClient client, string path, string body)
    {
        using var content = new StringContent(body);
        using var response = await client.PostAsync(path, content);
        return response.StatusCode;
    }
}
