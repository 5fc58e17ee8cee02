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
internal sealed class EngineSlot : IAsyncDisposable
{
    private volatile IReplicaEngine? _engine;
    private volatile bool _ready;
    private double _progress;

    /// <summary>Null until the model is loaded. A request that is here already need not wait for the proof that it answers.</summary>
    public IReplicaEngine? Engine => _engine;

    /// <summary>The model has answered: what the owner waits for.</summary>
    public bool IsReady => _ready;

    public bool Failed { get; private set; }

    /// <summary>0 to 1 while loading.</summary>
    public double Progress => Volatile.Read(ref _progress);

    /// <summary>
    /// Loads on a thread of its own: it is long work, and the pool is busy with the listener's start.
    /// </summary>
    public async Task<IReplicaEngine> LoadAsync(IEngineLoader loader, CancellationToken cancellation)
    {
        try
        {
            var load = await Task.Factory.StartNew(
                () => loader.LoadAsync(progress => Volatile.Write(ref _progress, progress), cancellation),
                cancellation,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default);
            var engine = _engine = await load;
            await engine.ProveAsync(cancellation);
            _ready = true;
            return engine;
        }
        catch
        {
            Failed = true;
            throw;
        }
    }

    public ValueTask DisposeAsync() => _engine?.DisposeAsync() ?? ValueTask.CompletedTask;
}

/// <summary>Makes the engine that the command line names.</summary>
internal interface IEngineLoader
{
    /// <param name="progress">Told the share done, 0 to 1, where it is known.</param>
    /// <exception cref="Stoker.Engine.ModelLoadException">The model cannot be used.</exception>
    Task<IReplicaEngine> LoadAsync(Action<double> progress, CancellationToken cancellation);
}
