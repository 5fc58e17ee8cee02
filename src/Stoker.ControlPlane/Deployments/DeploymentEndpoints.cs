using System.Runtime.CompilerServices;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Metering;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Resources;

namespace Stoker.ControlPlane.Deployments;

/// <summary>The management API of deployments.</summary>
public static class DeploymentEndpoints
{
    private static readonly Listing<DeploymentResource> Listing =
        new(WireJson.Context.DeploymentResource, deployment => deployment.Name, "create_time") { OwnParameters = ["showDeleted"] };

    // A row that did not change is the same object again, and so is what the wire shows of it, usage aside.
    private static readonly ConditionalWeakTable<Deployment, DeploymentResource> Shown = [];

    /// <summary>Query flags of the hosted surface that would change something which is not there yet.</summary>
    private static readonly (string Name, string Why)[] InactiveFlags =
    [
        ("disableAutoDeploy", "cannot be true: a model's oldest deployment is always its default"),
        ("skipShapeValidation", "cannot be true: there are no shapes yet"),
        ("skipImageTagValidation", "cannot be true: there are no image tags yet"),
    ];

    /// <summary>
    /// Resources around deployments that are not there yet: refused by name, so that nobody takes them for a misspelt
    /// path.
    /// </summary>
    private static readonly string[] InactiveCollections = ["routers", "deploymentShapes"];

    public static void MapDeployments(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapGroup("/v1/accounts/{account}/deployments").WithTags("Deployments").RequireAccess();
        group.AddEndpointFilter(Failures.Answer);
        group.MapPost("/", Create);
        group.MapGet("/", List);
        group.MapGet("/{deployment}", Get);
        group.MapGet("/{deployment}:explain", DeploymentExplanation.Explain);
        group.MapPatch("/{deployment}", Update);
        group.MapDelete("/{deployment}", Delete);
        group.MapPatch("/{deployment}:scale", Scale);
        group.MapPost("/{deployment}:undelete", Undelete);
        group.MapUsage();
        group.MapGet("/{deployment}:events", Events);
        var ofAccount = routes.MapGroup("/v1/accounts/{account}/usage").WithTags("Deployments").RequireAccess();
        ofAccount.AddEndpointFilter(Failures.Answer);
        ofAccount.MapGet("/", DeploymentUsageEndpoints.ListOfAccount);

        foreach (var collection in InactiveCollections)
        {
            var refusal = new ProblemResult(Problem.Unimplemented($"{collection} are not available in this version"));
            routes.Map($"/v1/accounts/{{account}}/{collection}/{{**rest}}", refusal.ExecuteAsync).RequireAccess();
        }
    }

    /// <summary>Records the wish and answers at once; replicas start in the background.</summary>
    private static async Task<IResult> Create(
        string account, HttpRequest request, DeploymentCommands commands, ModelStore models, CancellationToken cancellation)
    {
        if (!AccountName.TryParse($"accounts/{account}", null, out var parent)) return Missing($"accounts/{account}");
        var query = request.Query;
        string[] flags = ["validateOnly", "disableSpeculativeDecoding", .. InactiveFlags.Select(flag => flag.Name)];
        if (QueryParameters.Check(query, ["deploymentId", .. flags]) is { } unknown) return new ProblemResult(unknown);
        if (CheckFlags(query, flags) is { } problem) return new ProblemResult(problem);
        if (!(await JsonBody.ReadAsync(request, WireJson.Context.DeploymentResource, cancellation)).TryGet(out var asked, out problem)) return new ProblemResult(problem);

        var user = request.HttpContext.GetPrincipal().User;
        var validateOnly = QueryParameters.Flag(query, "validateOnly").Value;
        var draftByDefault = !QueryParameters.Flag(query, "disableSpeculativeDecoding").Value;
        if (!draftByDefault && DraftRules.WhileDisabled(asked) is { } contradiction) return new ProblemResult(contradiction);
        return await AnswerAsync(await commands.CreateAsync(parent, asked, query["deploymentId"], validateOnly, user, draftByDefault, cancellation), models, cancellation);
    }

    private static async Task<IResult> List(
        string account, HttpRequest request, DeploymentStore store, ModelStore models, UsageTotals totals, CancellationToken cancellation)
    {
        if (!AccountName.TryParse($"accounts/{account}", null, out var parent)) return Missing($"accounts/{account}");
        if (!ListQuery.From(request.Query, parent.ToString(), Listing).TryGet(out var query, out var problem))
        {
            return new ProblemResult(problem);
        }

        if (!QueryParameters.Flag(request.Query, "showDeleted").TryGet(out var showDeleted, out problem)) return new ProblemResult(problem);

        await totals.RefreshAsync(cancellation);
        var (_, all) = await store.ListAsync(parent, cancellation);
        var shown = all.Select(stored => stored.Deployment).Where(deployment => showDeleted || deployment.Status.State != DeploymentState.Deleted).ToList();
        var merges = new LiveMerges(models);
        await merges.FindAsync(shown, cancellation);
        var page = query.Of(shown.Select(deployment => merges.Show(WithUsage(deployment, totals), deployment)));
        return Json(
            new ListDeploymentsResponse { Deployments = page.Items, NextPageToken = page.NextPageToken, TotalSize = page.TotalSize },
            WireJson.Context.ListDeploymentsResponse);
    }

    private static async Task<IResult> Get(
        string account, string deployment, HttpRequest request, DeploymentStore store, ModelStore models, UsageTotals totals, CancellationToken cancellation)
    {
        if (Name(account, deployment) is not { } name) return Missing(account, deployment);
        if (QueryParameters.Check(request.Query, "readMask") is { } unknown) return new ProblemResult(unknown);
        if (!ReadMask.From(request.Query["readMask"], WireJson.Context.DeploymentResource).TryGet(out var mask, out var problem)) return new ProblemResult(problem);
        await totals.RefreshAsync(cancellation);
        return await store.FindAsync(name, cancellation) is { } stored
            ? Json(mask.Apply(await new LiveMerges(models).ShowAsync(WithUsage(stored.Deployment, totals), stored.Deployment, cancellation)), WireJson.Context.DeploymentResource)
            : Missing(account, deployment);
    }

    private static async Task<IResult> Update(
        string account, string deployment, HttpRequest request, DeploymentCommands commands, ModelStore models, CancellationToken cancellation)
    {
        if (Name(account, deployment) is not { } name) return Missing(account, deployment);
        if (QueryParameters.Check(request.Query, "updateMask", "skipShapeValidation") is { } unknown) return new ProblemResult(unknown);
        if (CheckFlags(request.Query, "skipShapeValidation") is { } problem) return new ProblemResult(problem);
        if (!(await JsonBody.ReadAsync(request, WireJson.Context.DeploymentResource, cancellation)).TryGet(out var patch, out problem)) return new ProblemResult(problem);
        return await AnswerAsync(await commands.UpdateAsync(name, patch, request.Query["updateMask"], cancellation), models, cancellation);
    }

    private static async Task<IResult> Delete(
        string account, string deployment, HttpRequest request, DeploymentCommands commands, CancellationToken cancellation)
    {
        if (Name(account, deployment) is not { } name) return Missing(account, deployment);
        if (QueryParameters.Check(request.Query, "hard", "ignoreChecks") is { } unknown) return new ProblemResult(unknown);
        if (CheckFlags(request.Query, "hard", "ignoreChecks") is { } problem) return new ProblemResult(problem);
        var (hard, ignoreChecks) = (QueryParameters.Flag(request.Query, "hard").Value, QueryParameters.Flag(request.Query, "ignoreChecks").Value);
        return Empty(await commands.DeleteAsync(name, hard, ignoreChecks, cancellation));
    }

    private static async Task<IResult> Scale(
        string account, string deployment, HttpRequest request, DeploymentCommands commands, CancellationToken cancellation)
    {
        if (Name(account, deployment) is not { } name) return Missing(account, deployment);
        if (QueryParameters.Check(request.Query) is { } problem) return new ProblemResult(problem);
        if (!(await JsonBody.ReadAsync(request, WireJson.Context.ScaleDeploymentRequest, cancellation)).TryGet(out var asked, out problem)) return new ProblemResult(problem);
        return Empty(await commands.ScaleAsync(name, asked.ReplicaCount, cancellation));
    }

    private static async Task<IResult> Undelete(
        string account, string deployment, HttpRequest request, DeploymentCommands commands, ModelStore models, CancellationToken cancellation)
    {
        if (Name(account, deployment) is not { } name) return Missing(account, deployment);
        if (QueryParameters.Check(request.Query) is { } problem) return new ProblemResult(problem);
        if (!(await JsonBody.ReadAsync(request, WireJson.Context.EmptyResponse, cancellation)).TryGet(out _, out problem)) return new ProblemResult(problem);
        return await AnswerAsync(await commands.UndeleteAsync(name, cancellation), models, cancellation);
    }

    private static DeploymentResource WithUsage(Deployment deployment, UsageTotals totals) =>
        Shown.GetValue(deployment, DeploymentWire.ToResource) with { StokerUsage = totals.Of(deployment.Name, deployment.CreateTime).ToResource() };

    /// <summary>All that are kept: so many that no page is needed.</summary>
    private static async Task<IResult> Events(
        string account, string deployment, HttpRequest request, DeploymentStore store, DeploymentLifecycle lifecycle, CancellationToken cancellation)
    {
        if (Name(account, deployment) is not { } name) return Missing(account, deployment);
        if (QueryParameters.Check(request.Query) is { } problem) return new ProblemResult(problem);
        if (await store.FindAsync(name, cancellation) is null) return Missing(account, deployment);
        var events = await lifecycle.ListAsync(name, cancellation);
        return Json(
            new ListDeploymentEventsResponse(
                [.. events.Select(item => new DeploymentEventResource(item.Time, item.Severity, item.Reason, item.Message))], events.Count),
            WireJson.Context.ListDeploymentEventsResponse);
    }

    private static DeploymentName? Name(string account, string deployment) =>
        ResourceId.TryParse(account, out var accountId) && ResourceId.TryParse(deployment, out var id) ? new(accountId, id) : null;

    /// <summary>Malformed flags, and true ones that would promise something.</summary>
    private static Problem? CheckFlags(IQueryCollection query, params IReadOnlyList<string> names)
    {
        foreach (var name in names)
        {
            if (!QueryParameters.Flag(query, name).TryGet(out var value, out var problem)) return problem;
            var inactive = InactiveFlags.FirstOrDefault(flag => flag.Name == name);
            if (value && inactive.Name is not null)
            {
                return DeploymentActivity.InactiveParameter(inactive.Name, inactive.Why);
            }
        }

        return null;
    }

    private static ProblemResult Missing(string account, string deployment) =>
        Missing($"accounts/{account}/deployments/{deployment}");

    private static ProblemResult Missing(string name) => new(MissingResource.Problem(name));

    private static async Task<IResult> AnswerAsync(Result<Deployment> result, ModelStore models, CancellationToken cancellation) =>
        result.TryGet(out var deployment, out var problem)
            ? Json(await new LiveMerges(models).ShowAsync(deployment.ToResource(), deployment, cancellation), WireJson.Context.DeploymentResource)
            : new ProblemResult(problem);

    private static IResult Empty(Result<Deployment> result) => result.TryGet(out _, out var problem)
        ? Json(new EmptyResponse(), WireJson.Context.EmptyResponse)
        : new ProblemResult(problem);

    private static JsonHttpResult<T> Json<T>(T value, JsonTypeInfo<T> json) =>
        TypedResults.Json(value, json, "application/json");
}
