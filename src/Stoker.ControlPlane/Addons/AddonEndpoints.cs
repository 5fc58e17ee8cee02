using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Resources;

namespace Stoker.ControlPlane.Addons;

/// <summary>The management API of deployed models.</summary>
public static class AddonEndpoints
{
    private const string Collection = DeployedModelName.Collection;

    private static readonly Listing<DeployedModelResource> Listing = new(WireJson.Context.DeployedModelResource, row => row.Name, "name");

    public static void MapAddons(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup($"/v1/accounts/{{account}}/{Collection}").WithTags("DeployedModels").RequireAccess();
        group.AddEndpointFilter(Failures.Answer);
        group.MapPost("/", Load);
        group.MapGet("/", List);
        group.MapGet("/{id}", Get);
        group.MapPatch("/{id}", Update);
        group.MapDelete("/{id}", Unload);
    }

    /// <summary>Records the wish and answers at once; replicas load in the background.</summary>
    private static async Task<IResult> Load(string account, HttpRequest request, AddonCommands commands, CancellationToken cancellation)
    {
        if (!AccountName.TryParse($"accounts/{account}", null, out var parent)) return Missing($"accounts/{account}");
        const string Merge = "replaceMergedAddon";
        if (QueryParameters.Check(request.Query, Merge) is { } problem) return new ProblemResult(problem);
        if (!QueryParameters.Flag(request.Query, Merge).TryGet(out var merges, out problem)) return new ProblemResult(problem);
        if (merges) return new ProblemResult(new(Code.Unimplemented, $"{Merge} cannot be true: a merged addon stays for the life of its deployment; create a deployment of the other addon", [new(Merge, "needs merged addons that change while they serve")]));
        if (!(await JsonBody.ReadAsync(request, WireJson.Context.DeployedModelResource, cancellation)).TryGet(out var asked, out problem)) return new ProblemResult(problem);
        return Answer(await commands.LoadAsync(parent, asked, cancellation));
    }

    private static async Task<IResult> List(string account, HttpRequest request, DeployedModelStore store, CancellationToken cancellation)
    {
        if (!AccountName.TryParse($"accounts/{account}", null, out var parent)) return Missing($"accounts/{account}");
        if (!ListQuery.From(request.Query, parent.ToString(), Listing).TryGet(out var query, out var problem)) return new ProblemResult(problem);
        var rows = (await store.Rows.ListAsync(parent.ToString(), cancellation)).Items;
        var page = query.Of(rows.Select(DeployedModelWire.ToResource));
        return Json(
            new ListDeployedModelsResponse { DeployedModels = page.Items, NextPageToken = page.NextPageToken, TotalSize = page.TotalSize },
            WireJson.Context.ListDeployedModelsResponse);
    }

    private static async Task<IResult> Get(string account, string id, HttpRequest request, DeployedModelStore store, CancellationToken cancellation)
    {
        if (Name(account, id) is not { } name) return Missing(account, id);
        if (QueryParameters.Check(request.Query, "readMask") is { } unknown) return new ProblemResult(unknown);
        if (!ReadMask.From(request.Query["readMask"], WireJson.Context.DeployedModelResource).TryGet(out var mask, out var problem)) return new ProblemResult(problem);
        return await store.Rows.FindAsync(name, cancellation) is { } row
            ? Json(mask.Apply(row.ToResource()), WireJson.Context.DeployedModelResource)
            : Missing(account, id);
    }

    private static async Task<IResult> Update(string account, string id, HttpRequest request, AddonCommands commands, CancellationToken cancellation)
    {
        if (Name(account, id) is not { } name) return Missing(account, id);
        if (QueryParameters.Check(request.Query, "updateMask") is { } problem) return new ProblemResult(problem);
        if (!(await JsonBody.ReadAsync(request, WireJson.Context.DeployedModelResource, cancellation)).TryGet(out var patch, out problem)) return new ProblemResult(problem);
        return Answer(await commands.UpdateAsync(name, patch, request.Query["updateMask"], cancellation));
    }

    private static async Task<IResult> Unload(string account, string id, HttpRequest request, AddonCommands commands, CancellationToken cancellation)
    {
        if (Name(account, id) is not { } name) return Missing(account, id);
        if (QueryParameters.Check(request.Query) is { } problem) return new ProblemResult(problem);
        return (await commands.UnloadAsync(name, cancellation)).TryGet(out _, out problem)
            ? Json(new EmptyResponse(), WireJson.Context.EmptyResponse)
            : new ProblemResult(problem);
    }

    private static DeployedModelName? Name(string account, string id) =>
        ResourceId.TryParse(account, out var accountId) && ResourceId.TryParse(id, out var own) ? new(accountId, own) : null;

    private static ProblemResult Missing(string account, string id) => Missing($"accounts/{account}/{Collection}/{(id.Length <= 100 ? id : id[..100] + "...")}");

    private static ProblemResult Missing(string name) => new(MissingResource.Problem(name));

    private static IResult Answer(Result<DeployedModelResource> result) =>
        result.TryGet(out var row, out var problem) ? Json(row, WireJson.Context.DeployedModelResource) : new ProblemResult(problem);

    private static JsonHttpResult<T> Json<T>(T value, JsonTypeInfo<T> json) =>
        TypedResults.Json(value, json, "application/json");
}
