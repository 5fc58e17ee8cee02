using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Stoker.Api.Names;

namespace Stoker.ControlPlane.Models;

/// <summary>
/// Packs READY models once, one at a time: when they become READY, and at start those that have no packed model that
/// this program takes.
/// </summary>
/// <remarks>
/// Nothing waits for it: a replica that starts meanwhile opens the files as they are. A model that cannot be packed
/// (full disk, a folder that may not be written) works as before; the log says so. In the same line, and one at a time with
/// them, are the precisions that somebody asked to be prepared: those have a state, and outlive the server.
/// </remarks>
internal sealed partial class ModelPacking(
    ModelStore store, IModelPacker packer, IOptions<ModelOptions> options, TimeProvider time, ILogger<ModelPacking> logger) : BackgroundService
{
    // Bounded by the models times the precisions: a job that waits already is not added again.
    private readonly Channel<Job> _waiting = Channel.CreateUnbounded<Job>();
    private readonly Lock _lock = new();
    private readonly HashSet<Job> _known = []; // those that wait; under the lock, with the three below
    private ModelName? _current;
    private CancellationTokenSource? _stopCurrent;
    private Task _packed = Task.CompletedTask;

    /// <summary>A hint: the model is READY.</summary>
    public void Add(ModelName name) => Add(new Job(name, null));

    /// <summary>A hint: the model has a preparation for this precision that is not over. One too many finds nothing to do.</summary>
    public void Add(ModelName name, Precision precision) => Add(new Job(name, precision));

    /// <summary>Jobs that wait behind the one at work; for tests.</summary>
    internal int WaitingCount => _waiting.Reader.Count;

    private void Add(Job job)
    {
        lock (_lock)
        {
            if (_known.Add(job)) _waiting.Writer.TryWrite(job);
        }
    }

    /// <summary>Ends the packing of a model, if it is the one at work: its folder is about to go.</summary>
    public async Task StopAsync(ModelName name)
    {
        Task ended;
        lock (_lock)
        {
            if (_current != name) return;
            // Asked for under the lock, so that the source is not disposed yet; its callbacks run on the pool.
            ended = Task.WhenAll(_stopCurrent!.CancelAsync(), _packed);
        }

        await ended;
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        foreach (var row in (await store.Rows.ListAsync(null, stoppingToken)).Items)
        {
            foreach (var asked in row.Status.Preparations.Where(preparation => preparation.IsOpen)) Add(row.Name, asked.Precision);
            Add(row.Name);
        }

        await foreach (var job in _waiting.Reader.ReadAllAsync(stoppingToken))
        {
            // Before its row is read: who changes the row after that adds the job again.
            lock (_lock) _known.Remove(job);
            var (name, precision) = job;
            // Looked up only now: it may be deleted, or packed by another process meanwhile.
            try
            {
                if (await store.FindAsync(name, stoppingToken) is not { } model) continue;
                if (precision is { } asked) await AloneAsync(model, cancellation => PrepareAsync(model, asked, cancellation), stoppingToken);
                else if (Wants(model)) await AloneAsync(model, cancellation => PackAsync(model, cancellation), stoppingToken);
            }
            catch (Exception error) when (!stoppingToken.IsCancellationRequested)
            {
                // Whatever one folder holds: the others are packed all the same, and the server goes on.
                if (precision is { } asked) LogPreparationFailed(error, name, asked);
                else LogFailed(error, name);
            }
        }
    }

    /// <summary>Only whole models; small ones are packed at load faster than a file is opened.</summary>
    private bool Wants(Model model) =>
        options.Value.Pack
        && model is { IsReady: true, Kind: ModelKind.HfBaseModel, Folder: { } folder }
        && model.WeightBytes >= options.Value.PackFromBytes
        && !packer.IsPacked(folder);

    /// <summary>Work in a model's folder, which ends before the folder goes.</summary>
    private async Task AloneAsync(Model model, Func<CancellationToken, Task> work, CancellationToken stopping)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        var ended = new TaskCompletionSource();
        lock (_lock) (_current, _stopCurrent, _packed) = (model.Name, stop, ended.Task);
        try
        {
            // Again, now that a delete would stop us: one that came before has taken the row already.
            if (await store.FindAsync(model.Name, stop.Token) is null) return;
            await work(stop.Token);
        }
        catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
        {
            // its model goes
        }
        finally
        {
            lock (_lock) (_current, _stopCurrent) = (null, null);
            ended.SetResult();
        }
    }

    private async Task PackAsync(Model model, CancellationToken cancellation)
    {
        LogPacking(model.Name, model.WeightBytes ?? 0);
        var packed = await packer.PackAsync(model.Folder!, cancellation);
        if (packed.TryGet(out var sizeBytes, out var problem)) LogPacked(model.Name, sizeBytes);
        else LogNotPacked(model.Name, problem.Message);
    }

    private readonly record struct Job(ModelName Name, Precision? Precision);

    [LoggerMessage(Level = LogLevel.Information, Message = "Packing {Model} ({WeightBytes} bytes) for faster cold starts; it can be used meanwhile")]
    private partial void LogPacking(ModelName model, long weightBytes);

    [LoggerMessage(Level = LogLevel.Information, Message = "Packed {Model}: {SizeBytes} bytes beside its files")]
    private partial void LogPacked(ModelName model, long sizeBytes);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Model} is not packed, its replicas start slower")]
    private partial void LogFailed(Exception error, ModelName model);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Model} is not packed, its replicas start slower: {Reason}")]
    private partial void LogNotPacked(ModelName model, string reason);
}
