using System.Security.Cryptography;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Resources;

namespace Stoker.ControlPlane.Deployments;

/// <summary>Records what is asked of a deployment; the reconciler carries it out.</summary>
public sealed class DeploymentCommands(
    DeploymentStore store,
    ModelStore models,
    ModelNames modelNames,
    Inventory inventory,
    CapacityTermsStore terms,
    AccountSettings accounts,
    LastRequests requests,
    TimeProvider time,
    IEnumerable<IAddonUse>? addons = null)
{
    private const string IdAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
    private const int GeneratedIdLength = 8;

    /// <param name="id">The chosen identifier, null for a random one.</param>
    /// <param name="validateOnly">Check everything, answer what would be, create nothing.</param>
    /// <param name="user">Who asks.</param>
    /// <param name="draftByDefault">Take the model's default draft model where none is asked for.</param>
    public async Task<Result<Deployment>> CreateAsync(
        AccountName account, DeploymentResource asked, string? id, bool validateOnly, UserName user, bool draftByDefault, CancellationToken cancellation)
    {
        var violations = new Violations();
        var deploymentId = ParseId(id, violations);
        DeploymentRules.CreateBody(asked, violations);
        if (!(await CheckAsync(account, asked, current: null, self: null, violations, region: null, draftByDefault, cancellation)).TryGet(out var spec, out var problem)) return problem;

        var name = account.Deployment(deploymentId!);
        var document = new DeploymentDocument { Resource = spec.ToResource(), CreatedBy = user.ToString() };
        if (await store.FindAsync(name, cancellation) is { } taken) return AlreadyExists(taken.Deployment);
        if (validateOnly)
        {
            var now = time.GetUtcNow();
            return new Deployment(name, spec, DeploymentCapacity.StatusOf(spec, inventory), Generation: 1, Revision: 1, ScaledTo: null, Deletion: null, document.CreatedBy, now, now);
        }

        var created = await store.CreateAsync(name, document, DeploymentCapacity.StatusOf(spec, inventory), cancellation);
        if (created.Problem is { Code: Code.AlreadyExists } && await store.FindAsync(name, cancellation) is { } first)
        {
            return AlreadyExists(first.Deployment);
        }

        return created.Then<Deployment>(stored => stored.Deployment);
    }

    /// <param name="mask">The paths to change; null means the fields that the patch has.</param>
    public Task<Result<Deployment>> UpdateAsync(DeploymentName name, DeploymentResource patch, string? mask, CancellationToken cancellation) =>
        ChangeAsync(name, async stored =>
        {
            var deployment = stored.Deployment;
            if (deployment.Deletion is not null) return IsDeleted(name);
            if (DeploymentRules.OtherPlace(deployment, patch, mask) is { } immovable) return immovable;
            var body = patch.BaseModel == deployment.Spec.BaseModel.Model.ToString()
                ? patch with { BaseModel = deployment.Spec.BaseModel.ToString() }
                : patch;
            var merged = FieldMask.Apply(deployment.ToResource(), body, mask, WireJson.Context.DeploymentResource, DeploymentRules.Updatable);
            if (!merged.TryGet(out var asked, out var problem)) return problem;
            asked = DeploymentRules.LeaveWindows(asked, body);
            var region =
                asked.AcceleratorType == deployment.Spec.AcceleratorType.Name ? null : deployment.Status.Region;
            if (!(await CheckAsync(name.Parent, asked, deployment.Spec, name, new(), region, draftByDefault: false, cancellation)).TryGet(out var spec, out problem)) return problem;
            if (await RefuseLosingAddonsAsync(deployment, spec, cancellation) is { } keeps) return keeps;
            if (await RefuseSurgeAsync(deployment, spec, cancellation) is { } noRoom) return noRoom;

            var (same, document) = (spec.RunsAs(deployment.Spec), stored.Row.Spec);
            var highest = Math.Max(document.HighestRevision ?? 0, document.Revision);
            return document with
            {
                Resource = spec.ToResource(),
                Revision = same ? document.Revision : highest + 1,
                HighestRevision = same ? document.HighestRevision : highest + 1,
                RolledBack = same ? document.RolledBack : null,
            };
        }, cancellation);

    /// <summary>Sets the count by hand, within the bounds. The autoscaler goes on from there.</summary>
    public Task<Result<Deployment>> ScaleAsync(DeploymentName name, int? replicaCount, CancellationToken cancellation) =>
        ChangeAsync(name, stored =>
        {
            var (spec, deletion) = (stored.Deployment.Spec, stored.Deployment.Deletion);
            if (deletion is not null) return Task.FromResult<Result<DeploymentDocument>>(IsDeleted(name));
            if (replicaCount is { } count && count >= spec.MinReplicas && count <= spec.MaxReplicas)
            {
                return Task.FromResult<Result<DeploymentDocument>>(stored.Row.Spec with { ScaledTo = count, Scalings = stored.Row.Spec.Scalings + 1 });
            }

            var violations = new Violations();
            violations.Add("replica_count", replicaCount is null
                ? "is required"
                : $"must be from {spec.MinReplicas} to {spec.MaxReplicas}, the deployment's bounds, was {replicaCount}: update the bounds to go beyond them");
            return Task.FromResult<Result<DeploymentDocument>>(violations.ToProblem());
        }, cancellation);

    /// <summary>
    /// Asks for the end; asking again changes nothing, except that a hard deletion follows a soft one.
    /// </summary>
    /// <param name="ignoreChecks">Also when the account guards what is in use.</param>
    public Task<Result<Deployment>> DeleteAsync(DeploymentName name, bool hard, bool ignoreChecks, CancellationToken cancellation) =>
        ChangeAsync(name, async stored =>
        {
            var earlier = stored.Deployment.Deletion;
            if (earlier is null && !ignoreChecks && await accounts.GuardsDeletionAsync(name.Parent, cancellation)
                && DeletionGuard.Refuse(requests.Of(name), time.GetUtcNow()) is { } guarded)
            {
                return guarded;
            }

            var deletion = earlier is null ? new(time.GetUtcNow(), hard) : earlier with { Hard = earlier.Hard || hard };
            return stored.Row.Spec with { Deletion = deletion };
        }, cancellation);

    /// <summary>
    /// Takes a soft deletion back, until the purge time. It begins as a new one does, whether or not anybody had seen the
    /// deletion: no count from before comes back.
    /// </summary>
    public Task<Result<Deployment>> UndeleteAsync(DeploymentName name, CancellationToken cancellation) =>
        ChangeAsync(name, stored => Task.FromResult<Result<DeploymentDocument>>(stored.Deployment.Deletion switch
        {
            null => Problem.FailedPrecondition($"{name} is not deleted"),
            { Hard: true } => Problem.FailedPrecondition($"{name} is being removed for good: create it again"),
            _ => stored.Row.Spec with { Deletion = null, UndeleteTime = time.GetUtcNow(), ScaledTo = null, Scalings = stored.Row.Spec.Scalings + 1 },
        }), cancellation);

    /// <summary>The rules in their order; the first group that fails answers.</summary>
    private async Task<Result<DeploymentSpec>> CheckAsync(
        AccountName account, DeploymentResource asked, DeploymentSpec? current, DeploymentName? self, Violations violations, Region? region,
        bool draftByDefault, CancellationToken cancellation)
    {
        // A bare identifier is resolved by looking it up, which comes after the field rules: until then it stands for
        // one of the account's own.
        var isBare = ResourceId.TryParse(asked.BaseModel, out var bare);
        var full = isBare ? asked with { BaseModel = account.Model(bare!).ToString() } : asked;
        if (!DeploymentSpec.From(full, inventory.DefaultType, current, violations).TryGet(out var spec, out var problem)) return problem;
        var resolved = current is null
            ? await modelNames.ResolveAsync(account, asked.BaseModel!, cancellation)
            : await models.FindAsync(current.BaseModel, cancellation) is { } own ? own : ModelNames.NotFound(current.BaseModel.ToString());
        if (!resolved.TryGet(out var named, out problem)) return problem;
        if (isBare && !DeploymentSpec.From(asked with { BaseModel = named.Name.ToString() }, inventory.DefaultType, current).TryGet(out spec, out problem)) return problem;

        if (!(await DeploymentTarget.OfAsync(named, models, cancellation)).TryGet(out var target, out problem)) return problem;
        var (model, simulated) = (target.Model, inventory.IsSimulated(spec.AcceleratorType));
        if (!(await WithDraftAsync(account, asked, spec, current, model, draftByDefault, cancellation)).TryGet(out var drafted, out problem)) return problem;
        spec = drafted.Spec;
        if (asked.AcceleratorCount is null or 0) spec = spec.WithAcceleratorCount(DeploymentCapacity.CountFor(spec, model, drafted.Draft));
        problem = MergeRules.Check(spec, target)
            ?? DeploymentRules.ForModel(spec, model, current, drafted.Draft)
            ?? DeploymentActivity.Inactive(asked)
            ?? DeploymentRules.ForInventory(spec, inventory, region)
            ?? await OverQuotaAsync(account, spec, current, self, cancellation)
            ?? DeploymentRules.Startable(spec, target, simulated)
            ?? (simulated ? null : DraftRules.Startable(model, drafted));
        return problem is null ? spec : problem;
    }

    /// <summary>Finds the draft model that is asked for, or the model's own proposal, and writes its full name into the spec.</summary>
    private async Task<Result<Drafted>> WithDraftAsync(
        AccountName account, DeploymentResource asked, DeploymentSpec spec, DeploymentSpec? current, Model model, bool draftByDefault, CancellationToken cancellation)
    {
        var proposed = draftByDefault ? DraftRules.DefaultFor(asked, model) : null;
        if (proposed is { } byDefault) spec = spec.WithDraft(byDefault.Draft, byDefault.Tokens);
        if (DraftRules.CheckCounts(spec, model) is { Any: true } wrong) return wrong.ToProblem();
        if (spec.DraftModel is not { } name) return new Drafted(spec, null, IsDefault: false);
        if (!(await modelNames.ResolveAsync(account, name, cancellation)).TryGet(out var draft, out var missing))
        {
            var why = $"cannot be used: {missing.Message}; it is an ID of this account or of the library, or a full name (firectl list models -a fireworks shows the library)";
            return new Problem(Code.InvalidArgument, $"draft_model: {why}", [new("draft_model", why)]);
        }

        var drafted = new Drafted(spec.WithDraft(draft.Name, spec.DraftTokenCount ?? 0), draft, proposed is not null);
        return DraftRules.Fits(model, drafted, current) is { } problem ? problem : drafted;
    }

    /// <summary>Only a wish for more is held against the quota: a deployment that is over it may still be changed.</summary>
    private async Task<Problem?> OverQuotaAsync(
        AccountName account, DeploymentSpec spec, DeploymentSpec? current, DeploymentName? self, CancellationToken cancellation)
    {
        var limit = (await terms.ReadAsync(cancellation)).Limit(account, spec.AcceleratorType, time.GetUtcNow());
        if (limit is null) return null;
        var (_, all) = await store.ListAsync(account, cancellation);
        return DeploymentCapacity.OverQuota(account, spec, current, all.Select(stored => stored.Deployment).Where(other => other.Name != self), limit.Value);
    }

    private async Task<Problem?> RefuseLosingAddonsAsync(Deployment deployment, DeploymentSpec wanted, CancellationToken cancellation)
    {
        if (wanted.EnableAddons || !deployment.Spec.EnableAddons) return null;
        var names = new List<string>();
        foreach (var use in addons ?? []) names.AddRange(await use.FindAddonsAsync(deployment.Name, cancellation));
        if (names.Count == 0) return null;
        var why = $"cannot be switched off while addons are deployed there ({string.Join(", ", names)}): undeploy them first";
        return new(Code.FailedPrecondition, $"enable_addons {why}", [new("enable_addons", why)]);
    }

    /// <summary>What the store says of slots is a moment old; what changes meanwhile, the reconciler waits for.</summary>
    private async Task<Problem?> RefuseSurgeAsync(Deployment deployment, DeploymentSpec wanted, CancellationToken cancellation)
    {
        if (wanted.RunsAs(deployment.Spec)) return null;
        var (_, all) = await store.ListAsync(account: null, cancellation);
        return UpdateSurge.Refuse(
            deployment, wanted, inventory, [.. all.Select(stored => stored.Deployment)], await terms.ReadAsync(cancellation), time.GetUtcNow());
    }

    private Task<Result<Deployment>> ChangeAsync(
        DeploymentName name, Func<StoredDeployment, Task<Result<DeploymentDocument>>> change, CancellationToken cancellation) =>
        ConditionalWrite.AgainAsync<Deployment>(async () =>
        {
            if (await store.FindAsync(name, cancellation) is not { } stored) return MissingResource.Problem(name.ToString());
            if (!(await change(stored)).TryGet(out var document, out var problem)) return problem;
            if (document == stored.Row.Spec) return stored.Deployment;
            return (await store.UpdateAsync(stored, document, cancellation)).Then<Deployment>(result => result.Deployment);
        });

    private static ResourceId? ParseId(string? text, Violations violations)
    {
        if (string.IsNullOrEmpty(text))
        {
            return ResourceId.Parse(RandomNumberGenerator.GetString(IdAlphabet, GeneratedIdLength));
        }

        if (ResourceId.TryParse(text, out var id) && id.IsUserChosen) return id;
        violations.Add("deployment_id", $"must be {ResourceId.Rule}, was '{(text.Length <= 100 ? text : text[..100] + "...")}'");
        return null;
    }

    private static Problem AlreadyExists(Deployment existing) => Problem.AlreadyExists(existing.Deletion switch
    {
        null => $"{existing.Name} exists already: choose another id, or update that deployment",
        { Hard: true } => $"{existing.Name} is being removed: its id is free again in a moment",
        _ => $"{existing.Name} is deleted and keeps its id until {existing.Status.PurgeTime?.ToString("u") ?? "its purge time"}: "
            + "choose another id, undelete it, or free the id by a hard delete",
    });

    private static Problem IsDeleted(DeploymentName name) =>
        Problem.FailedPrecondition($"{name} is deleted: undelete it first, or create another");
}
