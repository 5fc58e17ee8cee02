using System.Diagnostics.Metrics;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Stoker.ControlPlane.Gateway;
using Stoker.ControlPlane.Routing;
using static Stoker.ControlPlane.Tests.Gateway.Inference;

namespace Stoker.ControlPlane.Tests.Gateway;

/// <summary>Which of two replicas a request goes to, over HTTP.</summary>
public sealed class RoutingTests : IAsyncLifetime
{
    private const string Answer = $$"""{"model":"{{Model}}","choices":[{"text":"y"}]}""";

    private GatewayHost _host = null!;
    private HttpClient _client = null!;
    private FakeReplica _one = null!;
    private FakeReplica _two = null!;

    public async ValueTask InitializeAsync()
    {
        _host = await GatewayHost.StartAsync();
        _client = _host.Admin();
        (_one, _two) = (await FakeReplica.StartAsync(FakeReplica.Answering(Answer)), await FakeReplica.StartAsync(FakeReplica.Answering(Answer)));
        _host.Serve(_one.Target, _two.Target);
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _host.DisposeAsync();
        await _one.DisposeAsync();
        await _two.DisposeAsync();
    }

    [Fact]
    public async Task A_prompt_goes_where_one_that_begins_like_it_went()
    {
        var (left, right) = (await SendAsync(Prompt('a')), await SendAsync(Prompt('b')));
        left.ShouldNotBe(right);

        (await SendAsync(Prompt('b'))).ShouldBe(right);
        (await SendAsync(Prompt('b'))).ShouldBe(right);
        (await SendAsync(Prompt('a'))).ShouldBe(left);
    }

    [Theory]
    [InlineData("x-multi-turn-session-id", "x-session-affinity")]
    [InlineData("x-session-affinity", "prompt_cache_key")]
    [InlineData("prompt_cache_key", "user")]
    [InlineData("user", null)]
    public async Task A_hint_leads_back_and_wins_over_those_after_it(string first, string? second)
    {
        var left = await SendAsync("1", (first, "s"));
        var right = await SendAsync("2", second is null ? [] : [(second, "t")]);
        (left, await SendAsync("3")).ShouldBe((await SendAsync("4", (first, "s")), left)); // by turns it would have been the other
        right.ShouldNotBe(left);

        (await SendAsync("5", second is null ? [(first, "s")] : [(second, "t"), (first, "s")])).ShouldBe(left);
        if (second is not null) (await SendAsync("6", (second, "t"))).ShouldBe(right); // the other hint's request is none of its own
    }

    [Fact]
    public async Task Without_a_hint_idle_replicas_take_turns()
    {
        var left = await SendAsync("1");

        (await SendAsync("1")).ShouldNotBe(left);
        (await SendAsync("1")).ShouldBe(left);
    }

    [Fact]
    public async Task Why_it_was_that_replica_is_counted_and_logged_without_a_byte_of_the_prompt()
    {
        var counted = new Dictionary<string, long>();
        using var listener = new MeterListener();
        var meter = _host.App.Services.GetRequiredService<GatewayMetrics>().Meter;
        listener.InstrumentPublished = (instrument, own) =>
        {
            if (instrument.Meter == meter && instrument.Name.StartsWith("stoker.gateway.routed", StringComparison.Ordinal)) own.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            var key = $"{instrument.Name} {tags[0].Value}";
            counted[key] = counted.GetValueOrDefault(key) + value;
        });
        listener.Start();

        await SendAsync(Prompt('c'));
        await SendAsync(Prompt('c'));
        await SendAsync("x", ("user", "somebody"));
        await SendAsync("x", ("user", "somebody"));

        counted["stoker.gateway.routed load"].ShouldBe(2);
        counted["stoker.gateway.routed prefix"].ShouldBe(1);
        counted["stoker.gateway.routed session"].ShouldBe(1);
        counted["stoker.gateway.routed.prompt yes"].ShouldBe(3 * 512); // of 2,002 bytes
        counted["stoker.gateway.routed.prompt no"].ShouldBe(2_002 + 2_002 - (3 * 512) + (2 * 3));
        _host.Log.Lines.ShouldContain(line => line.Contains("1536 of 2002 bytes cached", StringComparison.Ordinal));
        _host.Log.Lines.ShouldNotContain(line => line.Contains("somebody", StringComparison.Ordinal) || line.Contains("cccc", StringComparison.Ordinal));
    }

    /// <returns>The replica that got it.</returns>
    private async Task<ReplicaTarget> SendAsync(string prompt, params (string Name, string Value)[] hints)
    {
        var (before, fields) = (_one.Requests, "");
        using var request = new HttpRequestMessage(HttpMethod.Post, Completions);
        foreach (var (name, value) in hints)
        {
            if (name.StartsWith("x-", StringComparison.Ordinal)) request.Headers.Add(name, value);
            else fields += $",\"{name}\":\"{value}\"";
        }

        request.Content = GatewayHost.Json($$"""{"model":"{{Model}}","prompt":"{{prompt}}"{{fields}}}""");
        using var answer = await _client.SendAsync(request, TestContext.Current.CancellationToken);
        answer.StatusCode.ShouldBe(HttpStatusCode.OK);
        return _one.Requests > before ? _one.Target : _two.Target;
    }

    private static string Prompt(char letter) => new(letter, 2_000);
}
