using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Stoker.Api.Names;
using Stoker.Api.Problems;

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
    /// <summary>Steps in which progress is written down.</summary>
    private const int PercentStep = 5;

    private const int WriteTries = 5;

    // Bounded by the models times the precisions: a model becomes READY once, and is prepared for a precision once at a time.
    private readonly Channel<Job> _waiting = Channel.CreateUnbounded<Job>();
    private readonly Lock _lock = new();
    private ModelName? _current; // under the lock, with the two below
    private CancellationTokenSource? _stopCurrent;
    private Task _packed = Task.CompletedTask;

    /// <summary>A hint: the model is READY.</summary>
    public void Add(ModelName name) => _waiting.Writer.TryWrite(new(name, null));

    /// <summary>A hint: the model has a preparation for this precision that is pending.</summary>
    public void Add(ModelName name, Precision precision) => _waiting.Writer.TryWrite(new(name, precision));

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
            foreach (var asked in row.Status.Preparations.Where(IsOpen)) Add(row.Name, asked.Precision);
            Add(row.Name);
        }

        await foreach (var (name, precision) in _waiting.Reader.ReadAllAsync(stoppingToken))
        {
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
                LogFailed(error, name);
            }
        }
    }

    /// <summary>Only whole models; small ones are packed at load faster than a file is opened.</summary>
    private bool Wants(Model model) =>
        options.Value.Pack
        && model is { IsReady: true, Kind: ModelKind.HfBaseModel, Folder: { } folder }
        && model.WeightBytes >= options.Value.PackFromBytes
        && !packer.IsPacked(folder);

    private static bool IsOpen(ModelPreparation preparation) => preparation.State is PreparationState.Pending or PreparationState.Running;

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

    private async Task PrepareAsync(Model model, Precision precision, CancellationToken cancellation)
    {
        if (!await NoteAsync(model.Name, new(precision, PreparationState.Running, 0, null, time.GetUtcNow()), cancellation)) return;
        LogPreparing(model.Name, precision);
        var written = 0;
        Result<long> prepared;
        try
        {
            prepared = await packer.PrepareAsync(model.Folder!, precision, ToldAsync, cancellation);
        }
        catch (Exception error) when (!cancellation.IsCancellationRequested)
        {
            await NoteAsync(model.Name, new(precision, PreparationState.Failed, written, "An error of the server; its log says more", time.GetUtcNow()), cancellation);
            LogFailed(error, model.Name);
            return;
        }

        var done = prepared.TryGet(out var sizeBytes, out var problem);
        var end = new ModelPreparation(precision, done ? PreparationState.Ready : PreparationState.Failed, done ? 100 : written, problem?.Message, time.GetUtcNow());
        await NoteAsync(model.Name, end, cancellation);
        if (done) LogPrepared(model.Name, precision, sizeBytes);
        else LogNotPrepared(model.Name, precision, problem!.Message);

        async Task ToldAsync(int percent)
        {
            if (percent < written + PercentStep || percent >= 100) return;
            written = percent;
            await NoteAsync(model.Name, new(precision, PreparationState.Running, percent, null, time.GetUtcNow()), cancellation);
        }
    }

    /// <returns>False when nobody waits for it any more: the model is gone, or its files are others.</returns>
    private async Task<bool> NoteAsync(ModelName name, ModelPreparation news, CancellationToken cancellation)
    {
        for (var tries = 0; ; tries++)
        {
            if (await store.Rows.FindAsync(name, cancellation) is not { } row) return false;
            if (!row.Status.Preparations.Any(preparation => preparation.Precision == news.Precision && IsOpen(preparation))) return false;
            var written = await store.Rows.UpdateStatusAsync(row, row.Status.With(news), cancellation);
            if (written.Problem is null) return true;
            if (tries + 1 == WriteTries) throw new InvalidOperationException(written.Problem.Message);
        }
    }

    private readonly record struct Job(ModelName Name, Precision? Precision);

    [LoggerMessage(Level = LogLevel.Information, Message = "Preparing {Model} for {Precision}; it can be used meanwhile")]
    private partial void LogPreparing(ModelName model, Precision precision);

    [LoggerMessage(Level = LogLevel.Information, Message = "Prepared {Model} for {Precision}: {SizeBytes} bytes beside its files")]
    private partial void LogPrepared(ModelName model, Precision precision, long sizeBytes);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Model} is not prepared for {Precision}: {Reason}")]
    private partial void LogNotPrepared(ModelName model, Precision precision, string reason);

    [LoggerMessage(Level = LogLevel.Information, Message = "Packing {Model} ({WeightBytes} bytes) for faster cold starts; it can be used meanwhile")]
    private partial void LogPacking(ModelName model, long weightBytes);

    [LoggerMessage(Level = LogLevel.Information, Message = "Packed {Model}: {SizeBytes} bytes beside its files")]
    private partial void LogPacked(ModelName model, long sizeBytes);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Model} is not packed, its replicas start slower")]
    private partial void LogFailed(Exception error, ModelName model);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Model} is not packed, its replicas start slower: {Reason}")]
    private partial void LogNotPacked(ModelName model, string reason);
}
