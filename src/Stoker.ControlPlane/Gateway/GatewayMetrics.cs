using System.Diagnostics.Metrics;

namespace Stoker.ControlPlane.Gateway;

/// <summary>What the gateway measures. Tags are from small fixed sets: never a name that a client chose.</summary>
internal sealed class GatewayMetrics : IDisposable
{
    public const string MeterName = "Stoker.Gateway";

    private readonly UpDownCounter<long> _inFlight;
    private readonly Counter<long> _ended;
    private readonly Histogram<double> _timeToFirstByte;

    public GatewayMetrics(IMeterFactory factory)
    {
        Meter = factory.Create(MeterName);
        _inFlight = Meter.CreateUpDownCounter<long>("stoker.gateway.requests.active", "{request}", "Inference requests under way");
        _ended = Meter.CreateCounter<long>("stoker.gateway.requests", "{request}", "Inference requests by how they ended");
        _timeToFirstByte = Meter.CreateHistogram<double>(
            "stoker.gateway.time_to_first_byte", "s", "From a request's last byte to the head of the replica's answer");
    }

    internal Meter Meter { get; }

    public void Began() => _inFlight.Add(1);

    /// <param name="outcome">A code of <see cref="InferenceError"/> that the gateway made, a name of <see cref="StreamEnd"/>, or so.</param>
    public void Ended(string outcome)
    {
        _inFlight.Add(-1);
        _ended.Add(1, new KeyValuePair<string, object?>("outcome", outcome));
    }

    public void FirstByte(TimeSpan after) => _timeToFirstByte.Record(after.TotalSeconds);

    public void Dispose() => Meter.Dispose();
}
