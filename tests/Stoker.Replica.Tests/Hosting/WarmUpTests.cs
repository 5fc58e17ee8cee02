using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Http;
using Stoker.Replica.Engines;
using Stoker.Replica.Hosting;
using Stoker.Replica.Simulated;
using Stoker.Testing;

namespace Stoker.Replica.Tests.Hosting;

public sealed class WarmUpTests
{
    private static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);

    /// <summary>No address besides the socket that each has.</summary>
    private const string SocketAlone = "";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(SocketAlone)]
    [InlineData("http://127.0.0.1:0")]
    [InlineData("http://0.0.0.0:0")]
    public async Task A_replica_that_loads_has_answered_itself_whatever_it_listens_at(string listen)
    {
        var time = new ManualTime(Noon);
        await using var replica = await LoadingAsync(time, listen);
        replica.Host.Warming.IsCompleted.ShouldBeFalse();
        time.Advance(WarmUp.Grace);
        var answered = await replica.Host.Warming;
        answered.Split("HTTP/1.1 200 OK").Length.ShouldBe(5, answered); // the owner's question and three requests
        answered.Split("data: [DONE]").Length.ShouldBe(3);
        answered.ShouldContain("\"chat.completion\"");
    }

    [Fact]
    public async Task Nothing_shows_that_it_has()
    {
        var time = new ManualTime(Noon);
        await using var replica = await LoadingAsync(time, SocketAlone);
        time.Advance(WarmUp.Grace);
        (await replica.Host.Warming).ShouldNotBeEmpty();
        replica.LogText.ReplaceLineEndings("\n").Split('\n', StringSplitOptions.RemoveEmptyEntries).ShouldHaveSingleItem().ShouldContain("Listens at");
        var health = await replica.HealthAsync();
        (health.GetProperty("state").GetString(), health.GetProperty("requests").GetInt32()).ShouldBe(("LOADING", 0));
        (await replica.PostAsync("/v1/completions", """{"model":"warm-up","prompt":"x"}""")).Body["error"]!["code"]!.GetValue<string>().ShouldBe("loading");
    }

    [Fact]
    public async Task A_replica_that_is_ready_counts_its_clients_requests_alone()
    {
        var (time, model) = (new ManualTime(Noon), new TaskCompletionSource<IReplicaEngine>());
        await using var replica = await LoadingAsync(time, SocketAlone, model.Task);
        time.Advance(WarmUp.Grace);
        (await replica.Host.Warming).ShouldNotBeEmpty();
        model.SetResult(new SimulatedEngine(new(), time, () => { }));
        await replica.LoadedAsync();
        var metrics = await replica.Client.GetStringAsync("/metrics", Stop);
        metrics.ShouldContain("vllm:prompt_tokens_total{model_name=\"sim\",engine=\"0\"} 0\n");
        metrics.ShouldContain("finished_reason=\"length\"} 0\n");
    }

    [Fact]
    public async Task A_model_that_is_there_at_once_is_not_kept_from_its_cores()
    {
        await using var replica = await (await RunningReplica.StartAsync(time: new ManualTime(Noon))).LoadedAsync();
        (await replica.Host.Warming).ShouldBeEmpty(); // though the clock stands still
    }

    [Fact]
    public async Task Who_does_not_have_the_secret_is_a_client_and_who_has_it_is_one_afterwards()
    {
        await using var warmUp = new WarmUp();
        warmUp.Of(With(null)).ShouldBeNull();
        warmUp.Of(With("")).ShouldBeNull();
        warmUp.Of(With(new WarmUp().Secret)).ShouldBeNull();
        warmUp.Of(With(warmUp.Secret)).ShouldNotBeNull();
        await RunAsync(warmUp, new IPEndPoint(IPAddress.Loopback, 9), new(canceled: true));
        warmUp.Of(With(warmUp.Secret)).ShouldBeNull();
    }

    [Fact]
    public async Task A_listener_that_cannot_be_reached_is_no_failure()
    {
        await using var warmUp = new WarmUp();
        (await RunAsync(warmUp, new UnixDomainSocketEndPoint("/nowhere/r.sock"), Stop)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_drain_does_not_wait_for_it()
    {
        await using var warmUp = new WarmUp();
        using var silent = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        silent.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        silent.Listen();
        using var drained = new CancellationTokenSource();
        var asking = RunAsync(warmUp, silent.LocalEndPoint!, drained.Token);
        using var connection = await silent.AcceptAsync(Stop);
        asking.IsCompleted.ShouldBeFalse();
        await drained.CancelAsync();
        (await asking).ShouldBeEmpty();
    }

    /// <param name="model">None comes by itself.</param>
    private static Task<RunningReplica> LoadingAsync(ManualTime time, string listen, Task<IReplicaEngine>? model = null) => RunningReplica.StartWithAsync(
        new WaitingLoader(model ?? new TaskCompletionSource<IReplicaEngine>().Task),
        time,
        options => ListenAddress.TryParse(listen, out var address, out _) ? options with { Listen = [address, .. options.Listen] } : options);

    /// <summary>With its grace over, for a model that does not come.</summary>
    private static Task<string> RunAsync(WarmUp warmUp, EndPoint listener, CancellationToken cancellation)
    {
        var time = new ManualTime(Noon);
        var asking = warmUp.RunAsync(new TaskCompletionSource().Task, listener, time, cancellation);
        time.Advance(WarmUp.Grace);
        return asking;
    }

    private static DefaultHttpContext With(string? secret)
    {
        var http = new DefaultHttpContext();
        if (secret is not null) http.Request.Headers[WarmUp.Header] = secret;
        return http;
    }

    private sealed class WaitingLoader(Task<IReplicaEngine> model) : IEngineLoader
    {
        public Task<IReplicaEngine> LoadAsync(Action<double> progress, CancellationToken cancellation) => model.WaitAsync(cancellation);
    }
}
