using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Net;
using System.Threading.Channels;
using Microsoft.Extensions.DependencyInjection;
using Stoker.Api.Names;
using Stoker.Api.Replicas;
using Stoker.ControlPlane.Autoscaling;
using Stoker.ControlPlane.Gateway;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Routing;
using Stoker.ControlPlane.Tests.Routing;
using Stoker.Testing;

namespace Stoker.ControlPlane.Tests.Gateway;

/// <summary>
/// A gateway on a clock that moves when told to, with one deployment and with replicas of this process; requests come
/// as <see cref="DirectCall"/>.
/// </summary>
internal sealed class HoldWorld : IAsyncDisposable
{
    public const string WholeAnswer = """{"model":"accounts/fireworks/models/story-3m","choices":[{"text":"y"}],"usage":{"prompt_tokens":3,"completion_tokens":5}}""";

    private readonly SharedRoute _shared = new();
    private readonly MeterListener _meters = new();
    private readonly Channel<string> _holds = Channel.CreateUnbounded<string>();

    private HoldWorld(ManualTime time, ReplicaNet replicas, GatewayHost host)
    {
        (Time, Replicas, Host) = (time, replicas, host);
        var metrics = host.App.Services.GetRequiredService<GatewayMetrics>();
        _meters.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter == metrics.Meter && instrument.Name is "stoker.gateway.requests.held" or "stoker.gateway.holds") listener.EnableMeasurementEvents(instrument);
        };
        _meters.SetMeasurementEventCallback<long>((instrument, change, tags, _) =>
        {
            if (instrument.Name == "stoker.gateway.holds") _holds.Writer.TryWrite((string)tags[0].Value!);
            else if (change > 0) _holds.Writer.TryWrite("held");
        });
        _meters.Start();
    }

    public ManualTime Time { get; }

    public ReplicaNet Replicas { get; }

    public GatewayHost Host { get; }

    public static DeploymentName Name { get; } = DeploymentName.Parse(Inference.Deployment);

    public DeploymentLoad Load => Host.App.Services.GetRequiredService<LoadBoard>().Of(Name);

    public StartBoard Starts => Host.App.Services.GetRequiredService<ReplicaDirectory>().Starts;

    public HoldQueue Queue => _shared.Queue;

    public static async Task<HoldWorld> StartAsync(params IReadOnlyList<string> settings)
    {
        var (time, replicas) = (new ManualTime(Routes.Noon), new ReplicaNet());
        var world = new HoldWorld(time, replicas, await GatewayHost.StartAsync(time, replicas, settings));
        world.Publish();
        return world;
    }

    /// <summary>A table with the deployment, and with the replicas that are ready.</summary>
    public Route Publish(params IReadOnlyList<ReplicaTarget> ready) => Publish(route => route, ready);

    public Route Publish(Func<Route, Route> change, params IReadOnlyList<ReplicaTarget> ready)
    {
        var route = change(Routes.To(Inference.Deployment, Inference.Model, ready) with { Shared = _shared });
        Host.Routing.Publish(new RoutingTable([route]));
        return route;
    }

    public DirectCall Ask(string body = $$"""{"model":"{{Inference.Deployment}}","prompt":"x"}""", params IReadOnlyList<(string, string)> headers) =>
        DirectCall.Start(Host, body, headers);

    public DirectCall Stream(params IReadOnlyList<(string, string)> headers) =>
        Ask($$"""{"model":"{{Inference.Deployment}}","prompt":"x","stream":true}""", headers);

    public void Advance(double seconds) => DirectCall.Inline(() => Time.Advance(TimeSpan.FromSeconds(seconds)));

    /// <summary>The next thing that the gateway counts of a hold: <c>held</c>, or what became of it.</summary>
    public async Task<string> NextAsync() => await _holds.Reader.ReadAsync(TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        _meters.Dispose();
        await Host.DisposeAsync();
    }
}

/// <summary>Reaches replicas of this process by their ids.</summary>
internal sealed class ReplicaNet : HttpMessageHandler
{
    private readonly ConcurrentDictionary<string, HttpMessageInvoker> _replicas = [];

    /// <param name="maxSequences">What it reports to run at once.</param>
    public ReplicaTarget Add(HttpMessageHandler replica, int maxSequences, string id = "r", string? kind = null)
    {
        _replicas[id] = new(replica);
        return new(id, null, "/in/process", maxSequences) { Kind = kind };
    }

    /// <summary>One that gives every request the same answer.</summary>
    public ReplicaTarget Add(HttpStatusCode status, string body, string type = "application/json", string id = "r", int maxSequences = 8, string? header = null) =>
        Add(new Canned(status, body, type, header), maxSequences, id);

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (request.RequestUri!.AbsolutePath.StartsWith(ReplicaProtocol.RequestsPath, StringComparison.Ordinal)) return new(HttpStatusCode.NotFound); // none remembers
        var id = request.RequestUri!.Host.Split('.')[0];
        if (!_replicas.TryGetValue(id, out var replica)) throw new HttpRequestException(HttpRequestError.ConnectionError, $"{id} is not there");
        return await replica.SendAsync(request, cancellationToken);
    }

    protected override void Dispose(bool disposing)
    {
        foreach (var replica in _replicas.Values) replica.Dispose();
        base.Dispose(disposing);
    }

    private sealed class Canned(HttpStatusCode status, string body, string type, string? header) : HttpMessageHandler
    {
        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var answer = new HttpResponseMessage(status) { Content = new StringContent(body, System.Text.Encoding.UTF8, type) };
            if (header is not null) answer.Headers.Add(header, "draining");
            return Task.FromResult(answer);
        }
    }
}
