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
/// (full disk, a folder that may not be written) works as before; the log says so.
/// </remarks>
internal sealed partial class ModelPacking(
    ModelStore store, IModelPacker packer, IOptions<ModelOptions> options, ILogger<ModelPacking> logger) : BackgroundService
{
    // Bounded by the number of models: a name is put in when its model becomes READY, which happens once.
    private readonly Channel<ModelName> _waiting = Channel.CreateUnbounded<ModelName>();
    private readonly Lock _lock = new();
    private ModelName? _current; // under the lock, with the two below
    private CancellationTokenSource? _stopCurrent;
    private Task _packed = Task.CompletedTask;

    /// <summary>A hint: the model is READY.</summary>
    public void Add(ModelName name) => _waiting.Writer.TryWrite(name);

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
        if (!options.Value.Pack) return;
        foreach (var row in (await store.Rows.ListAsync(null, stoppingToken)).Items) Add(row.Name);
        await foreach (var name in _waiting.Reader.ReadAllAsync(stoppingToken))
        {
            // Looked up only now: it may be deleted, or packed by another process meanwhile.
            try
            {
                if (await store.FindAsync(name, stoppingToken) is { } model && Wants(model)) await PackAsync(model, stoppingToken);
            }
            catch (Exception error) when (!stoppingToken.IsCancellationRequested)
            {
                // Whatever one folder holds: the others are packed all the same, and the server goes on.
                LogFailed(error, name);
            }
        }
    }

    /// <summary>Only whole models; small ones are packed at load faster than a file is opened.</summary>
    private bool Wants(Model model) =>
        model is { IsReady: true, Kind: ModelKind.HfBaseModel, Folder: { } folder }
        && model.WeightBytes >= options.Value.PackFromBytes
        && !packer.IsPacked(folder);

    private async Task PackAsync(Model model, CancellationToken stopping)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        var ended = new TaskCompletionSource();
        lock (_lock) (_current, _stopCurrent, _packed) = (model.Name, stop, ended.Task);
        try
        {
            // Again, now that a delete would stop us: one that came before has taken the row already.
            if (await store.FindAsync(model.Name, stop.Token) is null) return;
            LogPacking(model.Name, model.WeightBytes ?? 0);
            var packed = await packer.PackAsync(model.Folder!, stop.Token);
            if (packed.TryGet(out var sizeBytes, out var problem)) LogPacked(model.Name, sizeBytes);
            else LogNotPacked(model.Name, problem.Message);
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

    [LoggerMessage(Level = LogLevel.Information, Message = "Packing {Model} ({WeightBytes} bytes) for faster cold starts; it can be used meanwhile")]
    private partial void LogPacking(ModelName model, long weightBytes);

    [LoggerMessage(Level = LogLevel.Information, Message = "Packed {Model}: {SizeBytes} bytes beside its files")]
    private partial void LogPacked(ModelName model, long sizeBytes);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Model} is not packed, its replicas start slower")]
    private partial void LogFailed(Exception error, ModelName model);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Model} is not packed, its replicas start slower: {Reason}")]
    private partial void LogNotPacked(ModelName model, string reason);
}
