using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Models;

/// <summary>
/// Brings the library account up to date at start: built-in models READY, catalogue entries present. Doing it again
/// changes nothing, and an entry that an operator filled or changed is left alone.
/// </summary>
/// <remarks>
/// It is on the path to the first token, so a description is kept in the row and made anew only when files changed, and
/// rows that are there cost one list.
/// </remarks>
internal sealed partial class ModelLibrary(
    ModelStore store, ModelCatalogue catalogue, ModelFiles files, IModelInspector inspector, IOptions<ModelOptions> options, ILogger<ModelLibrary> logger)
    : IHostedService
{
    private readonly TypedStore<ModelName, ModelResource, ModelStatus> _rows = store.Rows;

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        var rows = (await _rows.ListAsync(AccountName.Library.ToString(), cancellationToken)).Items.ToDictionary(row => row.Name);
        await Task.WhenAll(catalogue.Entries
            .Where(entry => entry.Value.Folder is not null || !rows.ContainsKey(entry.Key))
            .Select(entry => SeedAsync(entry.Key, entry.Value, rows.GetValueOrDefault(entry.Key), cancellationToken)));
        await files.SweepAsync(cancellationToken);
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    private async Task SeedAsync(
        ModelName name, CatalogueEntry entry, Stored<ModelName, ModelResource, ModelStatus>? row, CancellationToken cancellation)
    {
        var status = entry.Folder is null
            ? ModelStatus.Empty(ModelCatalogue.NotFilled(name))
            : await DescribeAsync(name, entry, FolderOf(entry.Folder), row, cancellation);
        if (status is null) return;
        var written = row is null
            ? await _rows.CreateAsync(name, entry.Spec, status, cancellation)
            : await _rows.UpdateStatusAsync(row, status, cancellation);

        // Another process on the same data was faster: it wrote the same.
        if (written.Problem is { Code: not (Code.AlreadyExists or Code.Aborted) } problem) LogNotSeeded(name, problem.Message);
    }

    /// <summary>The status that a built-in model should have; null when it has it.</summary>
    private async Task<ModelStatus?> DescribeAsync(
        ModelName name, CatalogueEntry entry, string folder, Stored<ModelName, ModelResource, ModelStatus>? row, CancellationToken cancellation)
    {
        if (!Directory.Exists(folder)) return Missing(name, folder, row);
        var digest = ModelFiles.Digest(folder);
        if (row?.Status is { State: ModelState.Ready } status && status.FilesDigest == digest && status.Folder == folder) return null;
        var inspected =
            await Task.Run(() => inspector.InspectAsync(folder, BaseFolderOf(entry), cancellation), cancellation);
        var empty = ModelStatus.Empty(null) with { Folder = folder, FilesDigest = digest };
        if (inspected.TryGet(out var seen, out var problem))
        {
            return empty with { State = ModelState.Ready, Inspection = seen };
        }

        LogNotSeeded(name, problem.Message);
        return empty with { Detail = new StatusResource(problem.Code.Row().WireName, problem.Message) };
    }

    private string FolderOf(string folder) => Path.Combine(Path.GetFullPath(options.Value.LibraryPath), folder);

    /// <summary>A built-in addon's base is built in too.</summary>
    private string? BaseFolderOf(CatalogueEntry addon) =>
        ModelName.TryParse(addon.Spec.PeftDetails?.BaseModel, out var name) && catalogue.Entries.GetValueOrDefault(name) is { Folder: { } folder }
            ? FolderOf(folder)
            : null;

    private ModelStatus? Missing(ModelName name, string folder, Stored<ModelName, ModelResource, ModelStatus>? row)
    {
        var message = $"the built-in model's folder {folder} is not there: install the program again, or set {ModelOptions.Section}:LibraryFolder";
        LogNotSeeded(name, message);
        var status = ModelStatus.Empty(new StatusResource(Code.FailedPrecondition.Row().WireName, message)) with { Folder = folder };
        return row?.Status.Detail == status.Detail ? null : status;
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "{Model} of the library is not ready: {Reason}")]
    private partial void LogNotSeeded(ModelName model, string reason);
}
