namespace Stoker.ControlPlane.Gateway;

/// <summary>
/// Ends a request when its client hangs up, or when the phase it is in takes too long. Each phase sets its own limit.
/// </summary>
internal sealed class PhaseTimeout : IDisposable
{
    private readonly CancellationTokenSource _source;
    private readonly CancellationToken _client;
    private readonly CancellationTokenRegistration _registration;

    public PhaseTimeout(TimeProvider time, CancellationToken client)
    {
        _source = new(Timeout.InfiniteTimeSpan, time); // with a timer of this clock from the start: limits reuse it
        _client = client;
        _registration = client.UnsafeRegister(source => ((CancellationTokenSource)source!).Cancel(), _source);
    }

    public CancellationToken Token => _source.Token;

    public bool ClientGone => _client.IsCancellationRequested;

    /// <summary>Whether it was the clock; a client that hung up as well comes first.</summary>
    public bool TimedOut => _source.IsCancellationRequested && !ClientGone;

    /// <summary>The phase that begins now may take this long.</summary>
    public void Begin(TimeSpan limit) => _source.CancelAfter(limit);

    /// <summary>No limit until the next phase: somebody else counts the time.</summary>
    public void Pause() => _source.CancelAfter(Timeout.InfiniteTimeSpan);

    public void Dispose()
    {
        _registration.Dispose();
        _source.Dispose();
    }
}
