namespace Stoker.Replica.Engines;

/// <summary>
/// Where the engine will be: loaded once, in parallel with the start of the listener, and read by every request.
/// </summary>
/// <remarks>
/// <list type="table">
/// <item><term>LOADING</term><description>load succeeds → OPEN; load throws → FAILED</description></item>
/// <item><term>OPEN</term><description>requests are taken; the first answer comes → READY; it fails → FAILED</description></item>
/// <item><term>READY, FAILED</term><description>for good</description></item>
/// </list>
/// </remarks>
internal sealed class EngineSlot(TimeProvider time) : IAsyncDisposable
{
    private volatile IReplicaEngine? _engine;
    private long _readyAt; // a timestamp; 0 for not yet
    private double _progress;
    private TaskCompletionSource _news = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Null until the model is loaded. A request that is here already need not wait for the proof that it answers.</summary>
    public IReplicaEngine? Engine => _engine;

    /// <summary>The model has answered: what the owner waits for.</summary>
    public bool IsReady => Volatile.Read(ref _readyAt) != 0;

    /// <summary>How long it has been ready; null before.</summary>
    public TimeSpan? ReadyFor => Volatile.Read(ref _readyAt) is not 0 and var since ? time.GetElapsedTime(since) : null;

    public bool Failed { get; private set; }

    /// <summary>0 to 1 while loading.</summary>
    public double Progress => Volatile.Read(ref _progress);

    /// <summary>Ends when another tenth is loaded, and when the load is over. Take it before looking.</summary>
    public Task News => Volatile.Read(ref _news).Task;

    /// <summary>
    /// Loads on a thread of its own: it is long work, and the pool is busy with the listener's start.
    /// </summary>
    public async Task<IReplicaEngine> LoadAsync(IEngineLoader loader, CancellationToken cancellation)
    {
        try
        {
            var load = await Task.Factory.StartNew(
                () => loader.LoadAsync(Loaded, cancellation),
                cancellation,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default);
            var engine = _engine = await load;
            await engine.ProveAsync(cancellation);
            Volatile.Write(ref _readyAt, Math.Max(1, time.GetTimestamp()));
            Tell();
            return engine;
        }
        catch
        {
            Failed = true;
            Tell();
            throw;
        }
    }

    private void Loaded(double progress)
    {
        var before = Interlocked.Exchange(ref _progress, progress);
        if ((int)(progress * 10) != (int)(before * 10)) Tell();
    }

    private void Tell() => Interlocked.Exchange(ref _news, new(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();

    public ValueTask DisposeAsync() => _engine?.DisposeAsync() ?? ValueTask.CompletedTask;
}

/// <summary>Makes the engine that the command line names.</summary>
internal interface IEngineLoader
{
    /// <param name="progress">Told the share done, 0 to 1, where it is known.</param>
    /// <exception cref="Stoker.Engine.ModelLoadException">The model cannot be used.</exception>
    Task<IReplicaEngine> LoadAsync(Action<double> progress, CancellationToken cancellation);
}
