using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Models;

/// <summary>What an upload consists of, and what of it is still to be sent.</summary>
internal sealed record UploadPlan(IReadOnlyCollection<string> Files, IReadOnlyCollection<string> Missing);

/// <summary>
/// The way of a model's files: announced, received one by one, inspected together. Only the last step makes a model
/// READY; whatever breaks off before can be taken up again.
/// </summary>
internal sealed partial class ModelUpload(
    ModelStore store,
    ModelNames names,
    ModelFiles files,
    ModelGates gates,
    IModelInspector inspector,
    ModelPacking packing,
    IOptions<ModelOptions> options,
    ILogger<ModelUpload> logger)
{
    private const long SmallFileBytes = 16 << 20;

    private readonly TypedStore<ModelName, ModelResource, ModelStatus> _rows = store.Rows;

    /// <summary>Notes the files of an upload and tells which are not there yet.</summary>
    /// <param name="resume">False: all files are to be sent, those that are there too.</param>
    public async Task<Result<UploadPlan>> BeginAsync(
        ModelName name, IReadOnlyDictionary<string, string>? filenameToSize, bool resume, CancellationToken cancellation)
    {
        if (!UploadFile.Manifest(filenameToSize, options.Value).TryGet(out var manifest, out var problem))
        {
            return problem;
        }

        using var passage = await gates.EnterAsync(name, cancellation);
        if (await _rows.FindAsync(name, cancellation) is not { } row) return ModelNames.NotFound(name.ToString());
        if (row.Status.State == ModelState.Ready) return AlreadyReady(name);

        var missing = manifest.Keys.Where(file => !resume || MustSend(name, row.Status, file, manifest[file])).ToList();
        var needed = missing.Sum(file => manifest[file] - (files.SizeOf(name, file) ?? 0));
        if (needed > files.FreeBytes)
        {
            return new Problem(
                Code.ResourceExhausted,
                $"The files need {needed} bytes more and the disk of the data directory has {files.FreeBytes} left: make room, then try again");
        }

        var written = await _rows.UpdateStatusAsync(row, row.Status with { Upload = manifest }, cancellation);
        if (written.Problem is { } refused) return refused;
        files.KeepOnly(name, manifest);
        return new UploadPlan(manifest.Keys, missing);
    }

    /// <summary>Takes one file. It appears under its name when all of it is on the disk, or not at all.</summary>
    public async Task<Result<EmptyResponse>> ReceiveAsync(
        ModelName name, string file, long? length, Stream body, CancellationToken cancellation)
    {
        if (Expected(await _rows.FindAsync(name, cancellation), name, file, length) is { } problem) return problem;
        var received = await files.ReceiveAsync(name, file, length!.Value, body, cancellation);
        if (!received.TryGet(out var temporary, out problem)) return problem;
        try
        {
            using var passage = await gates.EnterAsync(name, cancellation);
            if (Expected(await _rows.FindAsync(name, cancellation), name, file, length) is { } changed) return changed;
            if (!files.Publish(name, file, temporary)) return ModelNames.NotFound(name.ToString());
            LogReceived(name, file, length.Value);
            return new EmptyResponse();
        }
        finally
        {
            ModelFiles.Discard(temporary); // gone already when it was given its name
        }
    }

    /// <summary>Inspects the files and makes the model READY, or keeps it UPLOADING with the reason.</summary>
    /// <returns>Warnings.</returns>
    public async Task<Result<IReadOnlyList<string>>> ValidateAsync(ModelName name, CancellationToken cancellation)
    {
        using var passage = await gates.EnterAsync(name, cancellation);
        if (await _rows.FindAsync(name, cancellation) is not { } row) return ModelNames.NotFound(name.ToString());
        if (row.Status.State == ModelState.Ready) return Result(row.Status.Inspection?.Warnings ?? []);
        if (row.Status.Upload.Count == 0)
        {
            return Problem.FailedPrecondition($"model \"{name}\" has no upload: call :getUploadEndpoint with its files first");
        }

        var inspected = await InspectAsync(name, row, cancellation);
        var status = inspected.TryGet(out var seen, out var problem)
            ? row.Status with { State = ModelState.Ready, Detail = null, Inspection = seen, FilesDigest = ModelFiles.Digest(files.FolderOf(name)), Preparations = [] }
            : row.Status with { Detail = new StatusResource(problem.Code.Row().WireName, problem.Message) };
        var written = await _rows.UpdateStatusAsync(row, status, cancellation);
        if (problem is not null)
        {
            LogRefused(name, problem.Message);
            return problem;
        }

        if (written.Problem is { } refused) return refused;
        LogReady(name, seen!.ParameterCount);
        packing.Add(name);
        return Result(seen.Warnings);
    }

    private async Task<Result<ModelInspection>> InspectAsync(
        ModelName name, Stored<ModelName, ModelResource, ModelStatus> row, CancellationToken cancellation)
    {
        var missing = row.Status.Upload.Where(file => files.SizeOf(name, file.Key) != file.Value).Select(file => file.Key).ToList();
        if (missing.Count > 0)
        {
            return Problem.FailedPrecondition(
                $"{missing.Count} of {row.Status.Upload.Count} files of model \"{name}\" are not there yet "
                + $"({string.Join(", ", missing.Take(5))}{(missing.Count > 5 ? ", ..." : "")}): send them, then validate again");
        }

        files.KeepOnly(name, row.Status.Upload);
        if (!ModelSpec.From(row.Spec with { CreatedBy = null }).TryGet(out var spec, out var problem)) return problem;
        if (!(await BaseFolderAsync(name, spec, cancellation)).TryGet(out var place, out problem)) return problem;
        if (!(await inspector.InspectAsync(files.FolderOf(name), place.Folder, cancellation)).TryGet(out var seen, out problem)) return problem;
        if (ModelFit.Check(spec, seen) is { } misfit) return misfit;
        return ModelFit.Warning(row.Spec, seen) is { } warning
            ? seen with { Warnings = [.. seen.Warnings, warning] }
            : seen;
    }

    /// <summary>
    /// Where the files of an addon's base are: an addon that was never held against its base would fail at its first
    /// load.
    /// </summary>
    private async Task<Result<BasePlace>> BaseFolderAsync(ModelName name, ModelSpec spec, CancellationToken cancellation)
    {
        if (spec.Kind != ModelKind.HfPeftAddon) return new BasePlace(null);
        if (!(await names.ResolveAsync(name.Parent, spec.BaseModel!, cancellation)).TryGet(out var model, out var problem)) return problem;
        return model.IsReady
            ? new BasePlace(model.Folder)
            : Problem.FailedPrecondition(
                $"The files of \"{name}\" are checked against its base model, and {model.Name} has none yet: "
                + $"upload those first (firectl upload model {model.Name} PATH), then validate again");
    }

    /// <summary>
    /// A file of the right size is taken as there. But when the last inspection found fault, the files that it named
    /// and all small ones are sent again: the mended file may well have the size of the bad one.
    /// </summary>
    private bool MustSend(ModelName name, ModelStatus status, string file, long size)
    {
        if (files.SizeOf(name, file) != size) return true;
        return status.Detail is { } detail
            && detail.Code == Code.InvalidArgument.Row().WireName
            && (size <= SmallFileBytes || detail.Message.Contains(file, StringComparison.Ordinal));
    }

    private static Problem? Expected(
        Stored<ModelName, ModelResource, ModelStatus>? row, ModelName name, string file, long? length)
    {
        if (row is null) return ModelNames.NotFound(name.ToString());
        if (row.Status.State == ModelState.Ready) return AlreadyReady(name);
        if (!row.Status.Upload.TryGetValue(file, out var size))
        {
            return Problem.FailedPrecondition($"The upload of model \"{name}\" has no such file: name it in :getUploadEndpoint first");
        }

        return length is null
            ? Problem.InvalidArgument($"Content-Length is required: {file} was announced with {size} bytes")
            : length == size ? null : Problem.InvalidArgument($"{file} was announced with {size} bytes, Content-Length is {length}");
    }

    /// <param name="Folder">Null for models that have no base.</param>
    private sealed record BasePlace(string? Folder);

    private static Problem AlreadyReady(ModelName name) => Problem.FailedPrecondition(
        $"model \"{name}\" is READY, and the files of a ready model do not change: create another model, or delete this one first");

    private static Result<IReadOnlyList<string>> Result(IReadOnlyList<string> warnings) => new List<string>(warnings);

    [LoggerMessage(Level = LogLevel.Information, Message = "Received {File} of {Model}, {SizeBytes} bytes")]
    private partial void LogReceived(ModelName model, string file, long sizeBytes);

    [LoggerMessage(Level = LogLevel.Information, Message = "{Model} is READY with {ParameterCount} parameters")]
    private partial void LogReady(ModelName model, long parameterCount);

    [LoggerMessage(Level = LogLevel.Information, Message = "The files of {Model} were refused: {Reason}")]
    private partial void LogRefused(ModelName model, string reason);
}
