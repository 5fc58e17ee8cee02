using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Stoker.Api.Names;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Metering;
using Stoker.ControlPlane.Resources;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Deployments;

/// <summary>What a deployment used: by day, replica by replica, and the proof that it adds up.</summary>
internal static class DeploymentUsageEndpoints
{
    private static readonly Listing<DayOfUseResource> Days = new(
        WireJson.Context.DayOfUseResource, day => $"{day.Day} {day.AcceleratorType} {day.Region} {day.Reserved}", "day");

    private static readonly Listing<ReplicaIntervalResource> Intervals = new(
        WireJson.Context.ReplicaIntervalResource, interval => $"{interval.Replica} {interval.StartTime:O}", "start_time");

    private static readonly Listing<DeploymentUseResource> Uses = new(
        WireJson.Context.DeploymentUseResource, use => $"{use.Deployment} {use.CreateTime:O}", "create_time");

    public static void MapUsage(this IEndpointRouteBuilder deployments)
    {
        deployments.MapGet("/{deployment}:usage", ListDays);
        deployments.MapGet("/{deployment}:intervals", ListIntervals);
        deployments.MapGet("/{deployment}:verifyUsage", Verify);
    }

    /// <summary>By deployment, also those whose records are gone: what was used stays to be paid for.</summary>
    public static async Task<IResult> ListOfAccount(string account, HttpRequest request, UsageTotals totals, CancellationToken cancellation)
    {
        var name = $"accounts/{account}";
        if (!AccountName.TryParse(name, null, out var parent)) return Missing(name);
        if (!ListQuery.From(request.Query, name, Uses).TryGet(out var query, out var problem)) return new ProblemResult(problem);
        await totals.RefreshAsync(cancellation);
        var page = query.Of(totals.Of(parent).Select(use => use.ToResource()));
        return Json(
            new ListUsageResponse { Usage = page.Items, NextPageToken = page.NextPageToken, TotalSize = page.TotalSize },
            WireJson.Context.ListUsageResponse);
    }

    private static async Task<IResult> ListDays(
        string account, string deployment, HttpRequest request, DeploymentStore store, ILedgerStore ledger, CancellationToken cancellation)
    {
        var name = $"accounts/{account}/deployments/{deployment}";
        if (!ListQuery.From(request.Query, name, Days).TryGet(out var query, out var problem)) return new ProblemResult(problem);
        if (await ReadAsync(name, store, ledger, cancellation) is not { } reading) return Missing(name);
        var page = query.Of(DayUsage.Of(ReplicaInterval.From(reading)).Select(day => day.ToResource()));
        return Json(
            new ListDaysOfUseResponse { Days = page.Items, NextPageToken = page.NextPageToken, TotalSize = page.TotalSize },
            WireJson.Context.ListDaysOfUseResponse);
    }

    private static async Task<IResult> ListIntervals(
        string account, string deployment, HttpRequest request, DeploymentStore store, ILedgerStore ledger, CancellationToken cancellation)
    {
        var name = $"accounts/{account}/deployments/{deployment}";
        if (!ListQuery.From(request.Query, name, Intervals).TryGet(out var query, out var problem)) return new ProblemResult(problem);
        if (await ReadAsync(name, store, ledger, cancellation) is not { } reading) return Missing(name);
        var page = query.Of(ReplicaInterval.From(reading).Select(interval => interval.ToResource()));
        return Json(
            new ListReplicaIntervalsResponse { Intervals = page.Items, NextPageToken = page.NextPageToken, TotalSize = page.TotalSize },
            WireJson.Context.ListReplicaIntervalsResponse);
    }

    private static async Task<IResult> Verify(
        string account, string deployment, HttpRequest request, DeploymentStore store, ILedgerStore ledger, CancellationToken cancellation)
    {
        var name = $"accounts/{account}/deployments/{deployment}";
        if (QueryParameters.Check(request.Query) is { } problem) return new ProblemResult(problem);
        return await ReadAsync(name, store, ledger, cancellation) is { } reading
            ? Json(UsageWire.Verified(reading), WireJson.Context.VerifyUsageResponse)
            : Missing(name);
    }

    /// <summary>
    /// The ledger of this deployment, not of an earlier one that had its name. When there is none any more, of all that had
    /// it; null when none ever used anything.
    /// </summary>
    private static async Task<LedgerReading?> ReadAsync(string name, DeploymentStore store, ILedgerStore ledger, CancellationToken cancellation)
    {
        if (!DeploymentName.TryParse(name, out var parsed)) return null;
        var stored = await store.FindAsync(parsed, cancellation);
        var reading = await ledger.ReadAsync(parsed, cancellation);
        if (stored is null) return reading.Events.Count > 0 ? reading : null;
        var events = reading.Events.Where(written => written.What.DeploymentTime == stored.Deployment.CreateTime).ToList();
        var replicas = events.Select(written => written.Replica).ToHashSet();
        return reading with { Events = events, Proofs = [.. reading.Proofs.Where(proof => replicas.Contains(proof.Replica))] };
    }

    private static ProblemResult Missing(string name) => new(MissingResource.Problem(name));

    private static IResult Json<T>(T value, JsonTypeInfo<T> json) =>
        Microsoft.AspNetCore.Http.Results.Bytes(JsonSerializer.SerializeToUtf8Bytes(value, json), "application/json");
}
