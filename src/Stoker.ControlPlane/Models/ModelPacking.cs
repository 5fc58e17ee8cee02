using System.Threading.Channels;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.ControlPlane.Reconciling;

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

    /// <summary>Of a note that must be written: some three minutes of a store that fails. Whoever asks again later begins the work again.</summary>
    private const int NoteTries = 10;

    private static readonly Backoff BetweenNotes = new(TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1));

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
            foreach (var asked in row.Status.Preparations.Where(IsOpen)) Add(row.Name, asked.Precision);
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
        if (!await NoteSurelyAsync(model.Name, new(precision, PreparationState.Running, 0, null, time.GetUtcNow()), cancellation)) return;
        LogPreparing(model.Name, precision);
        var written = 0;
        Result<long> prepared;
        try
        {
            prepared = await packer.PrepareAsync(model.Folder!, precision, ToldAsync, cancellation);
        }
        catch (Exception error) when (!cancellation.IsCancellationRequested)
        {
            LogPreparationFailed(error, model.Name, precision);
            await NoteSurelyAsync(model.Name, new(precision, PreparationState.Failed, written, "An error of the server; its log says more", time.GetUtcNow()), cancellation);
            return;
        }

        var done = prepared.TryGet(out var sizeBytes, out var problem);
        var end = new ModelPreparation(precision, done ? PreparationState.Ready : PreparationState.Failed, done ? 100 : written, problem?.Message, time.GetUtcNow());
        if (done) LogPrepared(model.Name, precision, sizeBytes);
        else LogNotPrepared(model.Name, precision, problem!.Message);
        await NoteSurelyAsync(model.Name, end, cancellation);

        async Task ToldAsync(int percent)
        {
            if (percent < written + PercentStep || percent >= 100) return;
            written = percent;
            try
            {
                await NoteAsync(model.Name, new(precision, PreparationState.Running, percent, null, time.GetUtcNow()), cancellation);
            }
            catch (Exception error) when (!cancellation.IsCancellationRequested)
            {
                // The work goes on, and the next note says more.
                LogNotNoted(error, model.Name, precision, PreparationState.Running);
            }
        }
    }

    /// <summary>Tries again while the store fails.</summary>
    /// <returns>False when nobody waits for it any more, or it could not be written: the row says what it said before.</returns>
    private async Task<bool> NoteSurelyAsync(ModelName name, ModelPreparation news, CancellationToken cancellation)
    {
        for (var failures = 1; ; failures++)
        {
            try
            {
                return await NoteAsync(name, news, cancellation);
            }
            catch (Exception error) when (!cancellation.IsCancellationRequested)
            {
                if (failures == NoteTries)
                {
                    LogNeverNoted(error, name, news.Precision, news.State);
                    return false;
                }

                LogNotNoted(error, name, news.Precision, news.State);
            }

            await Task.Delay(BetweenNotes.After(failures, name.ToString()), time, cancellation);
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

    [LoggerMessage(Level = LogLevel.Error, Message = "{Model} is not prepared for {Precision}: an error of the server")]
    private partial void LogPreparationFailed(Exception error, ModelName model, Precision precision);

    [LoggerMessage(Level = LogLevel.Warning, Message = "That the preparation of {Model} for {Precision} is {State} could not be written down, it goes on")]
    private partial void LogNotNoted(Exception error, ModelName model, Precision precision, PreparationState state);

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "That the preparation of {Model} for {Precision} is {State} could not be written down, and it is not tried again: ask for the preparation once more, or restart the server")]
    private partial void LogNeverNoted(Exception error, ModelName model, Precision precision, PreparationState state);

    [LoggerMessage(Level = LogLevel.Information, Message = "Packing {Model} ({WeightBytes} bytes) for faster cold starts; it can be used meanwhile")]
    private partial void LogPacking(ModelName model, long weightBytes);

    [LoggerMessage(Level = LogLevel.Information, Message = "Packed {Model}: {SizeBytes} bytes beside its files")]
    private partial void LogPacked(ModelName model, long sizeBytes);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Model} is not packed, its replicas start slower")]
    private partial void LogFailed(Exception error, ModelName model);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Model} is not packed, its replicas start slower: {Reason}")]
    private partial void LogNotPacked(ModelName model, string reason);
}
