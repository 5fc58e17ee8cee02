using Microsoft.Extensions.Logging;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Resources;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Models;

/// <summary>Create, change and delete models.</summary>
internal sealed partial class ModelCommands(
    ModelStore store, ModelNames names, ModelFiles files, ModelGates gates, ModelCatalogue catalogue, ModelPacking packing, IEnumerable<IModelUse> uses,
    TimeProvider time, ILogger<ModelCommands> logger)
{
    // A preparation writes its progress into the same row: changes are conditional writes, tried again.
    private readonly TypedStore<ModelName, ModelResource, ModelStatus> _rows = store.Rows;

    public async Task<Result<ModelResource>> CreateAsync(
        AccountName account, UserName by, CreateModelRequest request, CancellationToken cancellation)
    {
        if (request.Cluster is not null)
        {
            return Problem.Unimplemented("cluster is not available in this version: leave it out");
        }

        var violations = new Violations();
        var id = violations.Parse<ResourceId>("model_id", request.ModelId);
        violations.Require(id is null || id.IsUserChosen, "model_id", $"must be {ResourceId.Rule}");
        violations.Require(request.Model is not null, "model", "is required");
        violations.Require(
            id is null || request.Model?.Name is null || request.Model.Name == account.Model(id).ToString(),
            "model.name", "is made of the account and model_id: leave it out");
        if (violations.Any) return violations.ToProblem();

        var checkedSpec = ModelSpec.From(request.Model! with { Name = null });
        if (!checkedSpec.TryGet(out var spec, out var problem)) return problem;
        var name = account.Model(id!);
        if (PublicElsewhere(name, spec) is { } refused) return refused;
        var linked = await LinkAsync(name, spec, cancellation);
        if (!linked.TryGet(out spec, out problem)) return problem;
        if (ServerlessMark.Check(name, before: null, spec, isReady: false, Today, ignoreChecks: false) is { } unfit) return unfit;
        var created = await CreateAsync(name, spec.Resource with { CreatedBy = by.ToString() }, cancellation);
        if (!created.TryGet(out var row, out problem)) return problem;
        LogCreated(name, spec.Kind);
        return ModelView.Of(row);
    }

    private async Task<Result<Stored<ModelName, ModelResource, ModelStatus>>> CreateAsync(
        ModelName name, ModelResource spec, CancellationToken cancellation)
    {
        using var passage = await gates.EnterAsync(name, cancellation);
        // Files without a row are what a killed delete left behind; with a row they are the model's, and the store
        // refuses the create.
        if (await _rows.FindAsync(name, cancellation) is null) files.Remove(name);
        return await _rows.CreateAsync(name, spec, ModelStatus.Empty(NoFilesYet(name)), cancellation);
    }

    /// <param name="ignoreChecks">A model leaves the serverless tier at once, although its users were told of no day.</param>
    public Task<Result<ModelResource>> UpdateAsync(ModelName name, ModelResource patch, string? mask, bool ignoreChecks, CancellationToken cancellation) =>
        ConditionalWrite.AgainAsync(() => TryUpdateAsync(name, patch, mask, ignoreChecks, cancellation));

    private async Task<Result<ModelResource>> TryUpdateAsync(
        ModelName name, ModelResource patch, string? mask, bool ignoreChecks, CancellationToken cancellation)
    {
        if (await _rows.FindAsync(name, cancellation) is not { } row) return ModelNames.NotFound(name.ToString());
        var merged = FieldMask.Apply(
            row.Spec, patch, mask, WireJson.Context.ModelResource, ModelSpec.Updatable, ModelView.Of(row));
        if (!merged.TryGet(out var resource, out var problem)) return problem;
        if (!ModelSpec.From(resource with { CreatedBy = null }).TryGet(out var spec, out problem)) return problem;
        if ((PublicElsewhere(name, spec) ?? Misfit(row, spec)) is { } refused) return refused;
        if (!(await LinkAsync(name, spec, cancellation)).TryGet(out spec, out problem)) return problem;
        if (ServerlessMark.Check(name, row.Spec, spec, store.Read(row).IsReady, Today, ignoreChecks) is { } unfit) return unfit;
        if (await OtherAlternativeAsync(row.Spec, spec, cancellation) is { } elsewhere) return elsewhere;
        var written =
            await _rows.UpdateSpecAsync(row, spec.Resource with { CreatedBy = row.Spec.CreatedBy }, cancellation);
        return written.TryGet(out row, out problem) ? ModelView.Of(row) : problem;
    }

    /// <summary>Begins to prepare a model for a precision. Asking again while it is at work, or after, changes nothing; after a failure it tries again, and so it does where nobody is at work any more.</summary>
    public Task<Result<EmptyResponse>> PrepareAsync(ModelName name, PrepareModelRequest request, CancellationToken cancellation) =>
        ConditionalWrite.AgainAsync(() => TryPrepareAsync(name, request, cancellation));

    private async Task<Result<EmptyResponse>> TryPrepareAsync(ModelName name, PrepareModelRequest request, CancellationToken cancellation)
    {
        using var passage = await gates.EnterAsync(name, cancellation);
        if (await _rows.FindAsync(name, cancellation) is not { } row) return ModelNames.NotFound(name.ToString());
        var safetensors = request.StokerSafetensors ?? false;
        if (!PreparationRules.Check(name, row.Status, request.Precision, safetensors).TryGet(out var precision, out var problem)) return problem;
        var isVariantThere = Directory.Exists(Path.Combine(store.Read(row).Folder!, precision.VariantFolder()));
        if (PreparationRules.IsThere(row.Status, precision, safetensors, isVariantThere)) return new EmptyResponse();
        if (PreparationRules.Asked(row.Status.Preparation(precision), precision, safetensors, time.GetUtcNow()) is { } asked
            && (await _rows.UpdateStatusAsync(row, row.Status.With(asked), cancellation)).Problem is { } refused)
        {
            return refused;
        }

        packing.Add(name, precision); // also one that is open: whose end could not be written down is nobody's; of one that is at work nothing is left to do then
        return new EmptyResponse();
    }

    /// <summary>
    /// Refused while anything uses the model. The row goes first: from then on nobody finds the files.
    /// </summary>
    public Task<Result<EmptyResponse>> DeleteAsync(ModelName name, CancellationToken cancellation) =>
        ConditionalWrite.AgainAsync(() => TryDeleteAsync(name, cancellation));

    private async Task<Result<EmptyResponse>> TryDeleteAsync(ModelName name, CancellationToken cancellation)
    {
        using var passage = await gates.EnterAsync(name, cancellation);
        if (await _rows.FindAsync(name, cancellation) is not { } row) return ModelNames.NotFound(name.ToString());
        if (row.Status.Folder is not null)
        {
            return Problem.FailedPrecondition($"model \"{name}\" is part of the built-in library and cannot be deleted");
        }

        var users = await UsersAsync(name, cancellation);
        if (users.Count > 0)
        {
            return Problem.FailedPrecondition($"model \"{name}\" is used by {string.Join(", ", users)}: delete or change what uses it first");
        }

        var deleted = await _rows.DeleteAsync(row, cancellation);
        if (deleted.Problem is { } problem) return problem;
        await packing.StopAsync(name); // nobody writes in the folder that goes; what is packed goes with it
        files.Remove(name);
        // the library shows it as not filled again
        if (catalogue.Find(name) is { } entry) await CreateEntryAsync(name, entry);
        LogDeleted(name);
        return new EmptyResponse();
    }

    /// <summary>
    /// Models are shared through the library alone; to accept the wish and share nothing would be a lie.
    /// </summary>
    private static Problem? PublicElsewhere(ModelName name, ModelSpec spec)
    {
        if (spec.Resource.Public != true || name.Parent == AccountName.Library) return null;
        const string Field = "public", Why = "can be true in the library's account alone in this version: leave it out, or ask an operator to upload the model there";
        return new Problem(Code.Unimplemented, $"{Field} {Why}", [new(Field, Why)]);
    }

    /// <summary>A new alternative is one that can be used by then: on the serverless tier, and to stay there.</summary>
    private async Task<Problem?> OtherAlternativeAsync(ModelResource before, ModelSpec spec, CancellationToken cancellation)
    {
        if (spec.Resource.StokerAlternative is not { Length: > 0 } text || text == before.StokerAlternative) return null;
        var model = ModelName.TryParse(text, out var alternative) ? await store.FindAsync(alternative, cancellation) : null;
        if (model is { SupportsServerless: true, DeprecationDate: null }) return null;
        const string Field = "stoker_alternative", Why = "must be on the serverless tier and not deprecated itself";
        return new Problem(Code.FailedPrecondition, $"{Field} {Why}: {text} is not", [new(Field, Why)]);
    }

    private DateOnly Today => DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime);

    /// <summary>A ready model's files are known, and what is set anew must agree with them.</summary>
    private static Problem? Misfit(Stored<ModelName, ModelResource, ModelStatus> row, ModelSpec spec)
    {
        if (row.Status.Inspection is not { } seen) return null;
        var asked = spec.Resource.ContextLength;
        if (asked != row.Spec.ContextLength && asked > seen.ContextLength)
        {
            const string Field = "context_length";
            var description = $"must be at most {seen.ContextLength}, which the files allow, was {asked}";
            return new Problem(Code.InvalidArgument, $"{Field} {description}", [new(Field, description)]);
        }

        return ModelFit.Check(spec, seen);
    }

    /// <summary>
    /// What stands in the way of a delete: deployments and the like, addons of the model, models that name it as their
    /// draft.
    /// </summary>
    private async Task<List<string>> UsersAsync(ModelName name, CancellationToken cancellation)
    {
        const int Shown = 5;
        var users = new List<string>();
        foreach (var use in uses) users.AddRange(await use.FindUsersAsync(name, cancellation));
        // it stays there, without files
        var isEntry = name.Parent == AccountName.Library && catalogue.Find(name) is not null;
        var models = isEntry ? [] : (await _rows.ListAsync(null, cancellation)).Items;
        users.AddRange(models
            .Where(row => row.Spec.PeftDetails?.BaseModel == name.ToString() || row.Spec.DefaultDraftModel == name.ToString())
            .Select(row => row.Name.ToString()));
        return users.Count <= Shown ? users : [.. users.Take(Shown), $"{users.Count - Shown} more"];
    }

    /// <summary>Finds the models that a spec names, and writes their full names into it.</summary>
    private async Task<Result<ModelSpec>> LinkAsync(ModelName name, ModelSpec spec, CancellationToken cancellation)
    {
        var violations = new Violations();
        if (spec.BaseModel is { Length: > 0 } baseText)
        {
            var found = await names.ResolveAsync(name.Parent, baseText, cancellation);
            if (found.Problem is { } problem) violations.Add("peft_details.base_model", $"cannot be used: {problem.Message}");
            else if (found.Value.Kind != ModelKind.HfBaseModel) violations.Add("peft_details.base_model", $"must be a base model, {found.Value.Name} is a {WireEnum.TextOf(found.Value.Kind)}");
            else spec = spec.WithBase(found.Value.Name);
        }

        if (spec.Resource.DefaultDraftModel is { Length: > 0 } draftText)
        {
            var found = await names.ResolveAsync(name.Parent, draftText, cancellation);
            if (found.Problem is { } problem) violations.Add("default_draft_model", $"cannot be used: {problem.Message}");
            else if (found.Value.Name == name) violations.Add("default_draft_model", "must be another model");
            else if (found.Value.IsAddon) violations.Add("default_draft_model", $"must be a base model or a draft addon, {found.Value.Name} is a LoRA addon");
            else spec = spec.WithDraft(found.Value.Name);
        }

        if (spec.Resource.StokerAlternative is { Length: > 0 } otherText)
        {
            var found = await names.ResolveAsync(name.Parent, otherText, cancellation);
            if (found.Problem is { } problem) violations.Add("stoker_alternative", $"cannot be used: {problem.Message}");
            else if (found.Value.Name == name) violations.Add("stoker_alternative", "must be another model");
            else spec = spec.WithAlternative(found.Value.Name);
        }

        return violations.Any ? violations.ToProblem() : spec;
    }

    // After the delete, so without a caller's cancellation: the entry belongs to the library.
    private async Task CreateEntryAsync(ModelName name, CatalogueEntry entry) =>
        await _rows.CreateAsync(name, entry.Spec, ModelStatus.Empty(ModelCatalogue.NotFilled(name)), CancellationToken.None);

    private static StatusResource NoFilesYet(ModelName name) => new(
        Code.FailedPrecondition.Row().WireName,
        $"no files yet: firectl upload model {name} PATH, or :getUploadEndpoint, a PUT for each file, then :validateUpload");

    [LoggerMessage(Level = LogLevel.Information, Message = "Created {Model} ({Kind})")]
    private partial void LogCreated(ModelName model, ModelKind kind);

    [LoggerMessage(Level = LogLevel.Information, Message = "Deleted {Model} and its files")]
    private partial void LogDeleted(ModelName model);
}
