using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Resources;

namespace Stoker.ControlPlane.Models;

/// <summary>
/// <c>/v1/accounts/{account}/models</c>. Identifiers are bound as text, so that a malformed one is answered as missing.
/// </summary>
public static class ModelEndpoints
{
    private const string Collection = "/v1/accounts/{account}/models";

    public static void MapModels(this IEndpointRouteBuilder routes)
    {
        var models = routes.MapGroup(Collection).WithTags("Models");
        models.AddEndpointFilter(Failures.Answer);
        models.MapPost("/", Create).RequireAccess();
        models.MapGet("/", List).RequireAccess();
        models.MapGet("/{model}", Get).RequireAccess();
        models.MapPatch("/{model}", Update).RequireAccess();
        models.MapDelete("/{model}", Delete).RequireAccess();
        models.MapModelTransfers();

        models.MapPost("/{model}:prepare", Prepare).RequireAccess();
        models.MapPost("/{model}:import", () => NotActive("models:import")).RequireAccess();
        models.MapPost("/{model}/versions", () => NotActive("model versions")).RequireAccess();
        models.MapGet("/{model}/versions:count", () => NotActive("model versions")).RequireAccess();
        routes.MapPost("/v1/validateModelConfig", () => NotActive("validateModelConfig")).RequireAccess();
    }

    private static async Task<Results<JsonHttpResult<ModelResource>, ProblemResult>> Create(
        string account, HttpContext context, ModelCommands commands, CancellationToken cancellation)
    {
        if (QueryParameters.Check(context.Request.Query) is { } unknown) return new ProblemResult(unknown);
        var body = await JsonBody.ReadAsync(context.Request, WireJson.Context.CreateModelRequest, cancellation);
        if (!body.TryGet(out var request, out var problem)) return new ProblemResult(problem);
        return Answer(await commands.CreateAsync(
            new AccountName(ResourceId.Parse(account)), context.GetPrincipal().User, request, cancellation));
    }

    private static async Task<Results<JsonHttpResult<ListModelsResponse>, ProblemResult>> List(
        string account, HttpContext context, ModelStore store, CancellationToken cancellation)
    {
        // access is checked: it is the caller's own or the library
        var parent = new AccountName(ResourceId.Parse(account));
        if (!ListQuery.From(context.Request.Query, parent.ToString(), ModelView.Listing).TryGet(out var query, out var problem))
        {
            return new ProblemResult(problem);
        }

        var rows = (await store.Rows.ListAsync(parent.ToString(), cancellation)).Items;
        var page =
            query.Of(rows.Where(row => IsVisible(row.Name, row.Spec, context.GetPrincipal())).Select(ModelView.Of));
        return TypedResults.Json(
            new ListModelsResponse { Models = page.Items, NextPageToken = page.NextPageToken, TotalSize = page.TotalSize },
            WireJson.Context.ListModelsResponse);
    }

    private static async Task<Results<JsonHttpResult<ModelResource>, ProblemResult>> Get(
        string account, string model, HttpContext context, ModelStore store, IEnumerable<IModelUse> uses, CancellationToken cancellation)
    {
        if (QueryParameters.Check(context.Request.Query, "readMask") is { } unknown) return new ProblemResult(unknown);
        var mask = ReadMask.From(context.Request.Query["readMask"], WireJson.Context.ModelResource);
        if (!mask.TryGet(out var shown, out var problem)) return new ProblemResult(problem);
        if (!NameOf(account, model).TryGet(out var name, out problem)) return new ProblemResult(problem);
        var caller = context.GetPrincipal();
        if (await store.Rows.FindAsync(name, cancellation) is not { } row || !IsVisible(name, row.Spec, caller))
        {
            return new ProblemResult(ModelNames.NotFound(name.ToString()));
        }

        var deployed = new List<DeployedModelRefResource>(); // of the caller: a model of the library is deployed by many
        foreach (var use in uses) deployed.AddRange(await use.FindDeployedAsync(name, caller.Account, cancellation));
        return Answer(shown.Apply(ModelView.Of(row) with { DeployedModelRefs = deployed.Count == 0 ? null : deployed }));
    }

    private static async Task<Results<JsonHttpResult<ModelResource>, ProblemResult>> Update(
        string account, string model, HttpContext context, ModelCommands commands, CancellationToken cancellation)
    {
        const string IgnoreChecks = "ignoreChecks";
        if (QueryParameters.Check(context.Request.Query, "updateMask", IgnoreChecks) is { } unknown) return new ProblemResult(unknown);
        if (!QueryParameters.Flag(context.Request.Query, IgnoreChecks).TryGet(out var ignoreChecks, out var problem)) return new ProblemResult(problem);
        if (!NameOf(account, model).TryGet(out var name, out problem)) return new ProblemResult(problem);
        var body = await JsonBody.ReadAsync(context.Request, WireJson.Context.ModelResource, cancellation);
        return body.TryGet(out var patch, out problem)
            ? Answer(await commands.UpdateAsync(name, patch, context.Request.Query["updateMask"], ignoreChecks, cancellation))
            : new ProblemResult(problem);
    }

    private static async Task<Results<JsonHttpResult<EmptyResponse>, ProblemResult>> Delete(
        string account, string model, HttpContext context, ModelCommands commands, CancellationToken cancellation)
    {
        if (QueryParameters.Check(context.Request.Query) is { } unknown) return new ProblemResult(unknown);
        if (!NameOf(account, model).TryGet(out var name, out var problem)) return new ProblemResult(problem);
        return (await commands.DeleteAsync(name, cancellation)).TryGet(out var empty, out problem)
            ? TypedResults.Json(empty, WireJson.Context.EmptyResponse)
            : new ProblemResult(problem);
    }

    private static async Task<Results<JsonHttpResult<EmptyResponse>, ProblemResult>> Prepare(
        string account, string model, HttpContext context, ModelCommands commands, CancellationToken cancellation)
    {
        if (QueryParameters.Check(context.Request.Query) is { } unknown) return new ProblemResult(unknown);
        if (!NameOf(account, model).TryGet(out var name, out var problem)) return new ProblemResult(problem);
        var body = await JsonBody.ReadAsync(context.Request, WireJson.Context.PrepareModelRequest, cancellation);
        if (!body.TryGet(out var request, out problem)) return new ProblemResult(problem);
        // The answer has no fields, so that there is nothing to choose from; what no mask can be is refused all the same.
        if (ReadMask.From(request.ReadMask, WireJson.Context.ModelResource).Problem is { } wrong) return new ProblemResult(wrong);
        return (await commands.PrepareAsync(name, request, cancellation)).TryGet(out var empty, out problem)
            ? TypedResults.Json(empty, WireJson.Context.EmptyResponse)
            : new ProblemResult(problem);
    }

    /// <summary>The library's private models are for its operators alone.</summary>
    internal static bool IsVisible(ModelName name, ModelResource spec, Principal caller) =>
        caller.IsOperator || ModelNames.IsVisible(name, spec.Public ?? false, caller.Account);

    /// <summary>A name of the path; one that cannot be a name is answered as one that is not there.</summary>
    internal static Result<ModelName> NameOf(string account, string model) =>
        ModelName.TryParse($"accounts/{account}/models/{model}", out var name)
            ? name
            : MissingResource.Problem($"accounts/{account}/models/{(model.Length <= 100 ? model : model[..100] + "...")}");

    private static Results<JsonHttpResult<ModelResource>, ProblemResult> Answer(Result<ModelResource> result) =>
        result.TryGet(out var model, out var problem)
            ? TypedResults.Json(model, WireJson.Context.ModelResource)
            : new ProblemResult(problem);

    private static ProblemResult NotActive(string what) =>
        new(Problem.Unimplemented($"{what} is not available in this version"));
}
