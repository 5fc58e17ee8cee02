using Microsoft.Extensions.Logging;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.ControlPlane.Reconciling;
using Stoker.ControlPlane.Resources;

namespace Stoker.ControlPlane.Models;

/// <summary>One preparation, from its row's wish to its row's answer.</summary>
/// <remarks>
/// <code>
/// state    event                                   next
/// PENDING  its turn                                RUNNING
/// RUNNING  packed, and no variant was asked for    READY
/// RUNNING  packed, and one was (meanwhile, maybe)  RUNNING; the precision can be deployed
/// RUNNING  the variant is written                  READY
/// RUNNING  an error                                FAILED; what is packed stays
/// READY    a variant is asked for later            PENDING; the precision stays
/// </code>
/// </remarks>
internal sealed partial class ModelPacking
{
    /// <summary>Steps in which progress is written down.</summary>
    private const int PercentStep = 5;

    /// <summary>Where the packed file ends and the variant begins.</summary>
    private const int HalfPercent = 50;

    /// <summary>Of a note that must be written: some three minutes of a store that fails. Whoever asks again later begins the work again.</summary>
    private const int NoteTries = 10;

    private const string OwnError = "An error of the server; its log says more";

    private static readonly Backoff BetweenNotes = new(TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(1));

    private async Task PrepareAsync(Model model, Precision precision, CancellationToken cancellation)
    {
        var place = new Place(model.Name, precision);
        if (await NoteSurelyAsync(place, open => open with { State = PreparationState.Running, Percent = 0, Message = null }, cancellation) is not { } asked) return;
        LogPreparing(model.Name, precision);
        var problem = await PrepareAsync(place, model.Folder!, asked.Safetensors, cancellation);
        if (problem is null) return;
        await NoteSurelyAsync(place, open => open with { State = PreparationState.Failed, Message = problem }, cancellation);
    }

    /// <returns>Why it failed; null when it is there, or nobody waits for it any more.</returns>
    private async Task<string?> PrepareAsync(Place place, string folder, bool safetensors, CancellationToken cancellation)
    {
        var told = new Progress(this, place);
        try
        {
            var packed = await packer.PrepareAsync(
                folder, place.Precision, percent => told.ToldAsync(safetensors ? percent * HalfPercent / 100 : percent, cancellation), cancellation);
            if (!packed.TryGet(out var packedBytes, out var problem)) return NotPrepared(place, problem);
            LogPrepared(place.Model, place.Precision, packedBytes);
            if (await NoteSurelyAsync(place, open => Packed(open, packedBytes), cancellation) is not { IsOpen: true }) return null;
            var target = Path.Combine(folder, place.Precision.VariantFolder());
            var variant = await packer.WriteVariantAsync(folder, place.Precision, target, percent => told.ToldAsync(percent, cancellation), cancellation);
            if (!variant.TryGet(out var variantBytes, out problem)) return NotPrepared(place, problem);
            LogVariant(place.Model, place.Precision, variantBytes);
            await NoteSurelyAsync(place, open => open with { State = PreparationState.Ready, Percent = 100, SafetensorsBytes = variantBytes }, cancellation);
            return null;
        }
        catch (Exception error) when (!cancellation.IsCancellationRequested)
        {
            LogPreparationFailed(error, place.Model, place.Precision);
            return OwnError;
        }
    }

    /// <summary>Who asked for a variant while the file was packed gets it too.</summary>
    private static ModelPreparation Packed(ModelPreparation open, long bytes) => (open with { IsPacked = true, PackedBytes = bytes }) switch
    {
        { Safetensors: true } on => on with { Percent = Math.Max(on.Percent, HalfPercent) },
        var done => done with { State = PreparationState.Ready, Percent = 100 },
    };

    private string NotPrepared(Place place, Problem problem)
    {
        LogNotPrepared(place.Model, place.Precision, problem.Message);
        return problem.Message;
    }

    /// <summary>Tries again while the store fails.</summary>
    /// <returns>What the row says now. Null when nobody waits for it any more, or it could not be written: the row says what it said before.</returns>
    private async Task<ModelPreparation?> NoteSurelyAsync(Place place, Func<ModelPreparation, ModelPreparation> change, CancellationToken cancellation)
    {
        for (var failures = 1; ; failures++)
        {
            try
            {
                return await NoteAsync(place, change, cancellation);
            }
            catch (Exception error) when (!cancellation.IsCancellationRequested)
            {
                if (failures == NoteTries)
                {
                    LogNeverNoted(error, place.Model, place.Precision);
                    return null;
                }

                LogNotNoted(error, place.Model, place.Precision);
            }

            await Task.Delay(BetweenNotes.After(failures, place.Model.ToString()), time, cancellation);
        }
    }

    /// <returns>Null when nobody waits for it any more: the model is gone, or its files are others.</returns>
    private async Task<ModelPreparation?> NoteAsync(Place place, Func<ModelPreparation, ModelPreparation> change, CancellationToken cancellation)
    {
        var written = await ConditionalWrite.AgainAsync<ModelPreparation>(async () =>
        {
            if (await store.Rows.FindAsync(place.Model, cancellation) is not { } row) return ModelNames.NotFound(place.Model.ToString());
            if (row.Status.Preparation(place.Precision) is not { IsOpen: true } open) return ModelNames.NotFound(place.Model.ToString());
            var news = change(open) with { Time = time.GetUtcNow() };
            var update = await store.Rows.UpdateStatusAsync(row, row.Status.With(news), cancellation);
            return update.Problem is { } problem ? problem : news;
        });
        if (written.TryGet(out var now, out var refused)) return now;
        return refused.Code == Code.NotFound ? null : throw new InvalidOperationException(refused.Message);
    }

    private readonly record struct Place(ModelName Model, Precision Precision);

    /// <summary>Writes down how far it is, in steps and never back.</summary>
    private sealed class Progress(ModelPacking packing, Place place)
    {
        private int _written;

        public async Task ToldAsync(int percent, CancellationToken cancellation)
        {
            if (percent < _written + PercentStep || percent >= 100) return;
            _written = percent;
            try
            {
                await packing.NoteAsync(place, open => open with { Percent = Math.Max(open.Percent, percent) }, cancellation);
            }
            catch (Exception error) when (!cancellation.IsCancellationRequested)
            {
                // The work goes on, and the next note says more.
                packing.LogNotNoted(error, place.Model, place.Precision);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Preparing {Model} for {Precision}; it can be used meanwhile")]
    private partial void LogPreparing(ModelName model, Precision precision);

    [LoggerMessage(Level = LogLevel.Information, Message = "Prepared {Model} for {Precision}: {SizeBytes} bytes beside its files")]
    private partial void LogPrepared(ModelName model, Precision precision, long sizeBytes);

    [LoggerMessage(Level = LogLevel.Information, Message = "Wrote the safetensors variant of {Model} in {Precision}: {SizeBytes} bytes beside its files")]
    private partial void LogVariant(ModelName model, Precision precision, long sizeBytes);

    [LoggerMessage(Level = LogLevel.Warning, Message = "{Model} is not prepared for {Precision}: {Reason}")]
    private partial void LogNotPrepared(ModelName model, Precision precision, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Model} is not prepared for {Precision}: an error of the server")]
    private partial void LogPreparationFailed(Exception error, ModelName model, Precision precision);

    [LoggerMessage(Level = LogLevel.Warning, Message = "How far the preparation of {Model} for {Precision} is could not be written down, it goes on")]
    private partial void LogNotNoted(Exception error, ModelName model, Precision precision);

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "How the preparation of {Model} for {Precision} went could not be written down, and it is not tried again: ask for the preparation once more, or restart the server")]
    private partial void LogNeverNoted(Exception error, ModelName model, Precision precision);
}
