namespace Stoker.Engine.Models.Preparing;

/// <summary>What to make of a model, once for all replicas that run it in another precision than its own.</summary>
public sealed record PreparationRequest
{
    /// <summary>Of the model as uploaded; the packed file is written into it, where engines look.</summary>
    public required string ModelFolder { get; init; }

    /// <summary>Int8, Fp8 or Fp4.</summary>
    public required Precision Precision { get; init; }

    /// <summary>
    /// Where to write the variant that other engines read too (<see cref="PreparedModel"/>); null: none is asked for.
    /// </summary>
    public string? SafetensorsFolder { get; init; }

    /// <summary>A variant of other files in that folder gives way.</summary>
    public bool Replace { get; init; }

    /// <summary>0: one for each processor of this process.</summary>
    public int Threads { get; init; }

    /// <summary>Told when another process works in the same place.</summary>
    public Action? Waiting { get; init; }
}

/// <summary>Which artefact is being written.</summary>
public enum PreparationStage
{
    Packed, Safetensors,
}

/// <param name="DoneBytes">Of the stage.</param>
/// <param name="Percent">Of the whole preparation, 0 to 100.</param>
public readonly record struct PreparationProgress(PreparationStage Stage, long DoneBytes, long TotalBytes, int Percent);

/// <param name="Safetensors">Null: none was asked for.</param>
public sealed record PreparationReport(PackReport Packed, PreparedModelReport? Safetensors);

/// <summary>
/// Prepares a model for a precision: our packed file, and on request a safetensors variant. The one entry of the
/// platform's prepare job and of <c>stoker prepare</c>.
/// </summary>
public static class ModelPreparation
{
    /// <summary>What can be prepared; every other precision is how a model is stored.</summary>
    public static IReadOnlyList<Precision> Precisions { get; } = [Precision.Int8, Precision.Fp8, Precision.Fp4];

    /// <summary>
    /// Can be run again after any end: what is there and good is left alone, so that a killed job goes on with the artefact
    /// it was at.
    /// </summary>
    /// <param name="progress">Told from any thread, at most once for each percent.</param>
    /// <exception cref="ArgumentException">A precision that nothing is prepared in, or that has no safetensors variant.</exception>
    /// <exception cref="ModelLoadException">The folder holds no whole model, or not one that can be prepared.</exception>
    /// <exception cref="IOException">The disk is full, read-only or fails; the message says what to do.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; of what was being written nothing is left.</exception>
    public static PreparationReport Run(
        PreparationRequest request, IProgress<PreparationProgress>? progress = null, CancellationToken cancellation = default)
    {
        if (Fault(request.Precision, request.SafetensorsFolder is not null) is { } fault) throw new ArgumentException(fault, nameof(request));
        RefuseAnotherRounding(request);
        var stages = request.SafetensorsFolder is null ? 1 : 2;
        var packed = ModelPacker.Pack(
            request.ModelFolder,
            new() { Precision = request.Precision, Threads = request.Threads, Waiting = request.Waiting },
            new StageProgress(PreparationStage.Packed, 0, stages, progress).Report, cancellation);
        var variant = request.SafetensorsFolder is { } folder
            ? PreparedModel.Write(
                request.ModelFolder, folder, request.Precision,
                new() { Threads = request.Threads, Waiting = request.Waiting, Replace = request.Replace },
                new StageProgress(PreparationStage.Safetensors, 1, stages, progress).Report, cancellation)
            : null;
        return new(packed, variant);
    }

    /// <summary>What is stored quantised is packed as it is stored, and becomes nothing else: said before anything is written.</summary>
    private static void RefuseAnotherRounding(PreparationRequest request)
    {
        if (ModelFolder.Inspect(request.ModelFolder) is not { Quantization: { } stored, DefaultPrecision: var own }
            || (own == request.Precision && request.SafetensorsFolder is null))
        {
            return;
        }

        throw new ModelLoadException(
            LanguageModel.ConfigFile, "quantization_config",
            $"says that the model is stored quantised ({stored}): it is packed in {PrecisionNames.NameOf(own)} alone, as it is stored, and other engines can be given it as it is; "
            + "prepare its 16-bit checkpoint for another precision");
    }

    /// <summary>Why nothing is prepared in this precision; null when it is.</summary>
    public static string? Fault(Precision precision, bool withSafetensors) =>
        !Precisions.Contains(precision)
            ? $"a model is prepared in {string.Join(", ", Precisions.Select(PrecisionNames.NameOf))}, not in {PrecisionNames.NameOf(precision)}: 16 and 32 bits are run from its own files"
            : withSafetensors && !PreparedModel.Precisions.Contains(precision)
                ? PreparedModel.NoVariant(precision)
                : null;

    /// <summary>Bytes of one stage to percents of all, each of them told once.</summary>
    private sealed class StageProgress(PreparationStage stage, int index, int count, IProgress<PreparationProgress>? listener)
    {
        private readonly Lock _gate = new();
        private int _told = -1;

        public void Report(PackProgress now)
        {
            if (listener is null || now.TotalBytes == 0) return;
            var percent = (int)(((index * 100) + (100 * now.DoneBytes / now.TotalBytes)) / count);
            lock (_gate) // from the workers; in order, and a percent once
            {
                if (percent <= _told) return;
                _told = percent;
                listener.Report(new(stage, now.DoneBytes, now.TotalBytes, percent));
            }
        }
    }
}
