using System.Diagnostics.Metrics;
using Stoker.ControlPlane.Routing;

namespace Stoker.ControlPlane.Gateway;

/// <summary>What the gateway measures. Tags are from small fixed sets: never a name that a client chose.</summary>
internal sealed class GatewayMetrics : IDisposable
{
    public const string MeterName = "Stoker.Gateway";

    private readonly UpDownCounter<long> _inFlight;
    private readonly Counter<long> _ended;
    private readonly Counter<long> _broken;
    private readonly Histogram<double> _timeToFirstByte;
    private readonly Histogram<double> _replicaFirstByte;
    private readonly Counter<long> _failovers;
    private readonly UpDownCounter<long> _held;
    private readonly Counter<long> _holds;
    private readonly Histogram<double> _holdDuration;

    private readonly Counter<long> _routed;
    private readonly Histogram<double> _estimates;
    private readonly Counter<long> _promptBytes;

    public GatewayMetrics(IMeterFactory factory)
    {
        Meter = factory.Create(MeterName);
        _inFlight = Meter.CreateUpDownCounter<long>("stoker.gateway.requests.active", "{request}", "Inference requests under way");
        _ended = Meter.CreateCounter<long>("stoker.gateway.requests", "{request}", "Inference requests by how they ended");
        _broken = Meter.CreateCounter<long>(
            "stoker.gateway.streams.broken", "{stream}", "Streams that ended in an error after their head was out, by cause");
        _failovers = Meter.CreateCounter<long>("stoker.gateway.failovers", "{request}", "Requests whose replica failed, by what became of them");
        _timeToFirstByte = Meter.CreateHistogram<double>(
            "stoker.gateway.time_to_first_byte", "s", "From a request's last byte to the head of the replica's answer");
        _replicaFirstByte = Meter.CreateHistogram<double>(
            "stoker.gateway.replica.time_to_first_byte", "s", "Of that, the part in which the replica had the whole request");
        _held = Meter.CreateUpDownCounter<long>("stoker.gateway.requests.held", "{request}", "Requests that wait for a replica");
        _holds = Meter.CreateCounter<long>("stoker.gateway.holds", "{request}", "Requests without a ready replica, by what became of their wait");
        _holdDuration = Meter.CreateHistogram<double>("stoker.gateway.hold.duration", "s", "How long requests were held, by what became of their wait");
        _routed = Meter.CreateCounter<long>("stoker.gateway.routed", "{request}", "Requests given to a replica, by why it was that one");
        _estimates = Meter.CreateHistogram<double>("stoker.gateway.routed.estimate", "s", "The time to first token that was estimated, of the replica chosen");
        _promptBytes = Meter.CreateCounter<long>("stoker.gateway.routed.prompt", "By", "Bytes of prompts, by whether the replica chosen should have them");
    }

    internal Meter Meter { get; }

    /// <summary>Why: <c>session</c>, <c>prefix</c> where it had some of the prompt, else <c>load</c>.</summary>
    public void Routed(ReplicaLease lease)
    {
        var (chosen, cached) = (lease.Chosen, lease.Chosen.View.CachedBytes);
        _routed.Add(1, new KeyValuePair<string, object?>("why", chosen.ByHint ? "session" : cached > 0 ? "prefix" : "load"));
        _estimates.Record(chosen.Seconds);
        _promptBytes.Add(cached, new KeyValuePair<string, object?>("cached", "yes"));
        _promptBytes.Add(lease.PromptBytes - cached, new KeyValuePair<string, object?>("cached", "no"));
    }

    public void Began() => _inFlight.Add(1);

    /// <param name="outcome"><c>answered</c>, <c>client_gone</c>, <c>internal</c>, or a code of <see
    /// cref="InferenceError"/>.</param>
    public void Ended(string outcome)
    {
        _inFlight.Add(-1);
        _ended.Add(1, new KeyValuePair<string, object?>("outcome", outcome));
    }

    /// <param name="cause">A code of <see cref="InferenceError"/>, or <c>SLOW_READER</c>.</param>
    public void Broke(string cause) => _broken.Add(1, new KeyValuePair<string, object?>("cause", cause));

    /// <param name="outcome"><c>resumed</c> in the middle of a stream, <c>run_again</c> because the client had nothing yet,
    /// <c>whole</c> where only the mark of the end was missing, or why none of these: a word of <see cref="BreakErrors"/>.</param>
    public void FailedOver(string outcome) => _failovers.Add(1, new KeyValuePair<string, object?>("outcome", outcome));

    /// <param name="replica">How much of it the replica had the request for.</param>
    public void FirstByte(TimeSpan after, TimeSpan? replica)
    {
        _timeToFirstByte.Record(after.TotalSeconds);
        if (replica is { } part) _replicaFirstByte.Record(part.TotalSeconds);
    }

    public void Held() => _held.Add(1);

    /// <param name="outcome"><c>released</c> to a replica, <c>not_served</c> because none will come, <c>timeout</c>,
    /// <c>client_gone</c>, <c>server_stopping</c>.</param>
    public void Released(string outcome, TimeSpan after)
    {
        var tag = new KeyValuePair<string, object?>("outcome", outcome);
        _held.Add(-1);
        _holds.Add(1, tag);
        _holdDuration.Record(after.TotalSeconds, tag);
    }

    /// <param name="outcome"><c>rejected</c> as its client asked, <c>queue_full</c>.</param>
    public void NotHeld(string outcome) => _holds.Add(1, new KeyValuePair<string, object?>("outcome", outcome));

    public void Dispose() => Meter.Dispose();
}
