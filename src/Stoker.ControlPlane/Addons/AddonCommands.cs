using Microsoft.Extensions.Options;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Resources;
using Row = Stoker.ControlPlane.Storage.Stored<
    Stoker.Api.Names.DeployedModelName, Stoker.ControlPlane.Addons.DeployedModelSpec, Stoker.ControlPlane.Addons.DeployedModelStatus>;

namespace Stoker.ControlPlane.Addons;

/// <summary>Records what is asked of deployed models; <see cref="AddonReconciler"/> carries it out.</summary>
internal sealed class AddonCommands(DeployedModelStore store, DeploymentStore deployments, ModelNames models, IOptions<AddonsOptions> options)
{
    // Of an account's commands one at a time looks and writes: a quota and a default are of all its rows together. Accounts share a fixed
    // number of gates; two that share one wait for each other, no more.
    private readonly SemaphoreSlim[] _gates = [.. Enumerable.Range(0, 16).Select(_ => new SemaphoreSlim(1))];

    public async Task<Result<DeployedModelResource>> LoadAsync(AccountName account, DeployedModelResource asked, CancellationToken cancellation)
    {
        var violations = new Violations();
        AddonRules.Fields(asked, violations);
        var place = Place(account, asked.Deployment, violations);
        if (violations.Any) return violations.ToProblem();
        if (!(await models.ResolveAsync(account, asked.Model!, cancellation)).TryGet(out var model, out var problem)) return problem;
        if (asked.Serverless == true)
        {
            Model? own = null;
            var isLibrarys = model is { IsAddon: true, BaseModel: { } name } && name.Parent == AccountName.Library;
            if (isLibrarys) (await models.ResolveAsync(account, model.BaseModel!.ToString(), cancellation)).TryGet(out own, out _); // a private one is not on the tier
            if (model.IsAddon && !AddonRules.SharedPlace(model, own).TryGet(out place, out problem)) return problem;
            place ??= SharedDeployment.Of(model.Name); // of no addon: refused below, or missing
        }
        else if (place!.Parent != account)
        {
            return MissingResource.Problem(place.ToString());
        }

        if (await deployments.FindAsync(place!, cancellation) is not { } deployment) return asked.Serverless == true ? NotYet(model) : MissingResource.Problem(place!.ToString());
        if (AddonRules.Check(model, deployment.Deployment) is { } unfit) return unfit;

        return await AloneAsync(account, () => LoadAsync(account, asked, model, deployment.Deployment, cancellation), cancellation);
    }

    private async Task<Result<DeployedModelResource>> LoadAsync(
        AccountName account, DeployedModelResource asked, Model model, Deployment deployment, CancellationToken cancellation)
    {
        var place = deployment.Name;
        var (name, all, shared) = (AddonRules.NameOf(account, model.Name, place), await ListAsync(account, cancellation), place.IsShared());
        if (all.FirstOrDefault(row => row.Name == name) is { } taken) return Taken(taken);
        var onDeployment = (shared ? (await store.Rows.ListAsync(null, cancellation)).Items : all).Count(row => row.Spec.Deployment == place);
        if (AddonRules.Full(account, place, all.Count, onDeployment, options.Value) is { } full) return full;
        if (shared && AddonRules.FullServerless(account, all.Count(row => row.Spec.Deployment.IsShared()), options.Value) is { } exhausted) return exhausted;
        var others = all.Where(row => row.Spec.Model == model.Name && !row.Spec.Unload && !row.Spec.Deployment.IsShared()).ToList();
        var isDefault = asked.Default ?? (!shared && others.Count == 0 && !await IsMergedAsync(account, model.Name, cancellation));
        var spec = new DeployedModelSpec(model.Name, place, isDefault, asked.Public ?? false, asked.DisplayName, asked.Description, DeploymentCreateTime: deployment.CreateTime);

        // From here on to the end, also for a client that hangs up: a new default and one of before are never left beside each other.
        var created = await store.Rows.CreateAsync(name, spec, DeployedModelStatus.New, CancellationToken.None);
        if (!created.TryGet(out var row, out var problem)) return problem.Code == Code.AlreadyExists ? AlreadyExists(name, model.Name, place) : problem;
        if (spec.Default) await ResignAsync(others);
        return row.ToResource();
    }

    public Task<Result<DeployedModelResource>> UpdateAsync(DeployedModelName name, DeployedModelResource patch, string? mask, CancellationToken cancellation) =>
        ChangeAsync(name, async row =>
        {
            if (row.Spec.Unload) return Leaving(name);
            var merged = FieldMask.Apply(row.ToResource(), patch, mask, WireJson.Context.DeployedModelResource, AddonRules.Updatable);
            if (!merged.TryGet(out var asked, out var problem)) return problem;
            var violations = new Violations();
            AddonRules.Texts(asked, violations);
            AddonRules.Shared(row.Spec, asked, violations);
            if (violations.Any) return violations.ToProblem();
            var isDefault = asked.Default ?? false;
            if (!isDefault && await HeirAsync(row, cancellation) is { } other) return MustMove(row, other, "is no default any more");
            return row.Spec with { Default = isDefault, Public = asked.Public ?? false, DisplayName = asked.DisplayName, Description = asked.Description };
        }, cancellation);

    /// <summary>Asks for the end; asking again changes nothing.</summary>
    public Task<Result<DeployedModelResource>> UnloadAsync(DeployedModelName name, CancellationToken cancellation) => ChangeAsync(name, async row =>
    {
        if (row.Spec.Unload) return row.Spec;
        if (await HeirAsync(row, cancellation) is { } other) return MustMove(row, other, "can go");
        return row.Spec with { Unload = true };
    }, cancellation);

    private Task<Result<DeployedModelResource>> ChangeAsync(DeployedModelName name, Func<Row, Task<Result<DeployedModelSpec>>> change, CancellationToken cancellation) =>
        AloneAsync(name.Parent, () => ChangeAloneAsync(name, change, cancellation), cancellation);

    private Task<Result<DeployedModelResource>> ChangeAloneAsync(
        DeployedModelName name, Func<Row, Task<Result<DeployedModelSpec>>> change, CancellationToken cancellation) =>
        ConditionalWrite.AgainAsync<DeployedModelResource>(async () =>
        {
            if (await store.Rows.FindAsync(name, cancellation) is not { } row) return MissingResource.Problem(name.ToString());
            if (!(await change(row)).TryGet(out var spec, out var problem)) return problem;
            // From here to the end, as a load.
            if (spec != row.Spec && !(await store.Rows.UpdateSpecAsync(row, spec, CancellationToken.None)).TryGet(out row, out problem)) return problem;
            if (spec is { Default: true, Unload: false }) await ResignAsync(await OthersAsync(row, CancellationToken.None));
            return row.ToResource();
        });

    /// <summary>There is a new default: those of before are none any more. One that changes meanwhile is read again.</summary>
    private async Task ResignAsync(IEnumerable<Row> others)
    {
        foreach (var other in others.Where(other => other.Spec.Default))
        {
            await ConditionalWrite.AgainAsync<DeployedModelName>(async () =>
                await store.Rows.FindAsync(other.Name, CancellationToken.None) is { Spec.Default: true } row
                && (await store.Rows.UpdateSpecAsync(row, row.Spec with { Default = false }, CancellationToken.None)).Problem is { } problem
                    ? problem
                    : other.Name);
        }
    }

    private async Task<IReadOnlyList<Row>> ListAsync(AccountName account, CancellationToken cancellation) =>
        (await store.Rows.ListAsync(account.ToString(), cancellation)).Items;

    private async Task<T> AloneAsync<T>(AccountName account, Func<Task<T>> act, CancellationToken cancellation)
    {
        var gate = _gates[(uint)account.GetHashCode() % _gates.Length];
        await gate.WaitAsync(cancellation);
        try
        {
            return await act();
        }
        finally
        {
            gate.Release();
        }
    }

    /// <summary>One that would have to be the default before this one is no more; null when there is no need.</summary>
    private async Task<Row?> HeirAsync(Row row, CancellationToken cancellation)
    {
        if (!row.Spec.Default) return null;
        var others = await OthersAsync(row, cancellation);
        return others.Count == 0 || others.Any(other => other.Spec.Default) ? null : others[0];
    }

    /// <summary>The same addon on other deployments of the account.</summary>
    private async Task<IReadOnlyList<Row>> OthersAsync(Row row, CancellationToken cancellation) =>
        [.. (await ListAsync(row.Name.Parent, cancellation)).Where(other => other.Name != row.Name && other.Spec.Model == row.Spec.Model && !other.Spec.Unload && !other.Spec.Deployment.IsShared())];

    /// <summary>Whether a deployment of the addon itself answers for its name already.</summary>
    private async Task<bool> IsMergedAsync(AccountName account, ModelName addon, CancellationToken cancellation) =>
        (await deployments.ListAsync(account, cancellation)).Items.Any(stored => stored.Deployment.Spec.BaseModel == addon && stored.Deployment.Deletion is null);

    private static DeploymentName? Place(AccountName account, string? text, Violations violations)
    {
        if (string.IsNullOrEmpty(text)) return null; // found to be missing already
        if (ResourceId.TryParse(text, out var id)) return account.Deployment(id);
        return violations.Parse<DeploymentName>("deployment", text);
    }

    private static Problem NotYet(Model model) => Problem.FailedPrecondition(
        $"{model.BaseModel ?? model.Name} came to the serverless tier a moment ago and has no deployment there yet: try again shortly");

    private static Problem Taken(Row row) => row.Spec.Unload ? Leaving(row.Name) : AlreadyExists(row.Name, row.Spec.Model, row.Spec.Deployment);

    private static Problem AlreadyExists(DeployedModelName name, ModelName model, DeploymentName deployment) =>
        Problem.AlreadyExists($"{model} is on {deployment} already, as {name}");

    private static Problem Leaving(DeployedModelName name) => Problem.FailedPrecondition($"{name} is being undeployed: try again in a moment");

    private static Problem MustMove(Row row, Row other, string what) => Problem.FailedPrecondition(
        $"{row.Name} is the default of {row.Spec.Model}, which is deployed elsewhere too: make another the default before it {what} "
        + $"(firectl update deployed-model {other.Name.DeployedModel} --default), or undeploy those first");
}
