using System.Runtime.CompilerServices;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Resources;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Models;

/// <summary>Models, typed. Readers take <see cref="Model"/>; only this slice sees the rows.</summary>
public sealed class ModelStore(IResourceStore store, DataDirectory data)
{
    internal TypedStore<ModelName, ModelResource, ModelStatus> Rows { get; } =
        new(store, ModelName.Collection, ModelJson.Default.ModelResource, ModelJson.Default.ModelStatus) { Renewed = ModelSpec.Renewed };

    // A row that did not change is the same object again, and so is the model.
    private readonly ConditionalWeakTable<Stored<ModelName, ModelResource, ModelStatus>, Model> _made = new();

    public async ValueTask<Model?> FindAsync(ModelName name, CancellationToken cancellation) =>
        await Rows.FindAsync(name, cancellation) is { } row ? Read(row) : null;

    public async ValueTask<IReadOnlyList<Model>> ListAsync(AccountName account, CancellationToken cancellation) =>
        [.. (await Rows.ListAsync(account.ToString(), cancellation)).Items.Select(Read)];

    /// <summary>The day of its deprecation has come: it is serverless no more, and keeps the day, so that its users learn why.</summary>
    /// <returns>ABORTED when it changed meanwhile: look again.</returns>
    internal async Task<Problem?> EndServerlessAsync(ModelName name, DateOnly today, CancellationToken cancellation) =>
        await Rows.FindAsync(name, cancellation) is { } row && ServerlessMark.DateOf(row.Spec.DeprecationDate) <= today
            ? (await Rows.UpdateSpecAsync(row, row.Spec with { SupportsServerless = false }, cancellation)).Problem
            : null;

    /// <summary>
    /// Where a model's uploaded files lie. Made of parsed identifiers, so it cannot leave the data directory.
    /// </summary>
    public string FolderOf(ModelName name) => Path.Combine(data.Models, name.Account.ToString(), name.Model.ToString());

    internal Model Read(Stored<ModelName, ModelResource, ModelStatus> row) => _made.GetValue(row, Make);

    private Model Make(Stored<ModelName, ModelResource, ModelStatus> row)
    {
        var (spec, status, seen) = (row.Spec, row.Status, row.Status.Inspection);
        var kind = WireEnum.TryParse<ModelKind>(spec.Kind, out var known) ? known : ModelKind.KindUnspecified;
        return new Model(
            row.Name,
            kind,
            status.State,
            status.Detail,
            status.State == ModelState.Ready ? status.Folder ?? FolderOf(row.Name) : null,
            ModelFit.ContextLength(spec.ContextLength, seen),
            seen?.ParameterCount ?? spec.BaseModelDetails?.ParameterCount,
            spec.BaseModelDetails?.Moe ?? seen?.Moe ?? false,
            status.Precisions(),
            Name(spec.PeftDetails?.BaseModel),
            Name(spec.DefaultDraftModel),
            spec.DefaultDraftTokenCount,
            spec.Public ?? false,
            spec.ConversationConfig is not null || (seen?.SupportsChat ?? false))
        {
            SupportsTools = spec.SupportsTools ?? seen?.SupportsTools ?? false,
            SupportsLora = spec.SupportsLora ?? seen?.SupportsLora ?? false,
            ModelType = seen?.ModelType ?? spec.BaseModelDetails?.ModelType,
            WeightBytes = seen?.WeightBytes,
            KvBytesPerToken = seen?.KvBytesPerToken,
            AddonBytesPerRank = seen?.AddonBytesPerRank,
            HiddenSize = seen?.HiddenSize,
            VocabularyDigest = seen?.VocabularyDigest,
            Peft = spec.PeftDetails,
            DefaultSamplingParams = seen?.DefaultSamplingParams ?? new Dictionary<string, double>(),
            FilesDigest = status.FilesDigest,
            SupportsServerless = spec.SupportsServerless ?? false,
            DeprecationDate = ServerlessMark.DateOf(spec.DeprecationDate),
            Alternative = Name(spec.StokerAlternative),
        };
    }

    private static ModelName? Name(string? text) => ModelName.TryParse(text, out var name) ? name : null;
}
