using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Stoker.Api.Names;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Resources;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Audit;

public static class AuditEndpoints
{
    private const int BatchSize = 500;

    /// <summary>A filter that fits nothing must not read a log of years in one call: past this the page ends, with a token.</summary>
    private const int MaxScanned = 20_000;

    public static void MapAudit(this IEndpointRouteBuilder routes) =>
        routes.MapGet("/v1/accounts/{account}/auditLogs", List).WithTags("Audit").AddEndpointFilter(Failures.Answer).RequireAccess();

    private static Results<JsonHttpResult<ListAuditLogsResponse>, ProblemResult> List(
        string account, HttpContext context, SqliteAuditStore store, TimeProvider time)
    {
        if (!AccountName.TryParse($"accounts/{account}", null, out var name)) return new ProblemResult(MissingResource.Problem($"accounts/{account}"));
        if (!AuditQuery.From(context.Request.Query, name.ToString(), time.GetUtcNow()).TryGet(out var query, out var problem)) return new ProblemResult(problem);
        var (entries, token) = Page(store, query);
        return TypedResults.Json(
            new ListAuditLogsResponse
            {
                AuditLogs = [.. entries.Select(entry => query.Mask.Apply(ToResource(entry)))],
                NextPageToken = token,
                // How many match a filter is known only at the end.
                TotalSize = query.Filter.IsEmpty ? (int)Math.Min(int.MaxValue, store.Count(query.Range)) : null,
            },
            WireJson.Context.ListAuditLogsResponse);
    }

    private static (List<FinishedAuditEntry> Entries, string? NextPageToken) Page(SqliteAuditStore store, AuditQuery query)
    {
        var (found, range, scanned) = (new List<FinishedAuditEntry>(query.PageSize), query.Range, 0);
        while (true)
        {
            var batch = store.List(range, BatchSize);
            foreach (var entry in batch)
            {
                if (found.Count == query.PageSize) return (found, query.TokenBehind(found[^1]));
                if (query.Filter.Matches(ToResource(entry))) found.Add(entry);
            }

            if (batch.Count < BatchSize) return (found, null);
            if ((scanned += batch.Count) >= MaxScanned) return (found, query.TokenBehind(batch[^1]));
            range = range with { BeforeTime = batch[^1].Entry.Time, BeforeNumber = batch[^1].Number };
        }
    }

    private static AuditLogResource ToResource(FinishedAuditEntry finished) => new()
    {
        Id = finished.Entry.Id,
        Timestamp = finished.Entry.Time,
        Principal = finished.Entry.Principal,
        Email = finished.Entry.Email,
        Method = finished.Entry.Method,
        Resource = finished.Entry.Resource,
        Status = new StatusResource(finished.Status, ""),
        IsAdminAction = finished.Entry.IsAdminAction,
        KeyId = finished.Entry.KeyId,
        RemoteAddress = finished.Entry.RemoteAddress,
    };
}
