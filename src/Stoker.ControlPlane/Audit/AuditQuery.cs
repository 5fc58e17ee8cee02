using System.Globalization;
using Microsoft.AspNetCore.Http;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Resources;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Audit;

/// <summary>
/// A list call of the audit log: <c>startTime</c>, <c>endTime</c>, <c>email</c>, <c>filter</c>, <c>pageSize</c>,
/// <c>pageToken</c>, <c>readMask</c>. Newest first and in no other order, so that a page is read and not the whole log.
/// </summary>
internal sealed record AuditQuery(AuditRange Range, Filter Filter, ReadMask<AuditLogResource> Mask, int PageSize, string Digest)
{
    private const int DefaultPageSize = 10;
    private const int MaxPageSize = 200;
    private static readonly TimeSpan DefaultSpan = TimeSpan.FromDays(30);

    public static Result<AuditQuery> From(IQueryCollection query, string account, DateTimeOffset now)
    {
        if (QueryParameters.Check(query, "startTime", "endTime", "email", "filter", "pageSize", "pageToken", "readMask") is { } unknown) return unknown;
        if (!Time(query, "startTime", now - DefaultSpan).TryGet(out var start, out var problem)) return problem;
        if (!Time(query, "endTime", DateTimeOffset.MaxValue).TryGet(out var end, out problem)) return problem;
        if (start >= end) return Bad("start_time", $"must lie before end_time, was {start:O}");
        if (!Filter.Parse(query["filter"], WireJson.Context.AuditLogResource).TryGet(out var filter, out problem)) return problem;
        if (!ReadMask.From(query["readMask"], WireJson.Context.AuditLogResource).TryGet(out var mask, out problem)) return problem;
        if (!Size(query["pageSize"].ToString()).TryGet(out var size, out problem)) return problem;
        var email = query["email"].ToString() is { Length: > 0 } given ? given : null;
        // Not of the times as computed: the default start moves from page to page.
        var digest = PageToken.Digest("auditLogs", account, query["startTime"].ToString(), query["endTime"].ToString(), email ?? "", query["filter"].ToString());
        var range = new AuditRange(account, start, end, email, DateTimeOffset.MaxValue, long.MaxValue);
        if (query["pageToken"].ToString() is not { Length: > 0 } text) return new AuditQuery(range, filter, mask, size, digest);
        return PageToken.Parse(text) is { Place: [var time], Name: var name } token
            && token.Query == digest
            && long.TryParse(time, NumberStyles.None, CultureInfo.InvariantCulture, out var ticks) && ticks <= DateTimeOffset.MaxValue.UtcTicks
            && long.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? new AuditQuery(range with { BeforeTime = new(ticks, TimeSpan.Zero), BeforeNumber = number }, filter, mask, size, digest)
            : Bad("page_token", "does not belong to this list: repeat the times, email and filter of the call that issued it, or start without a token");
    }

    /// <summary>The token of the page behind an entry.</summary>
    public string TokenBehind(FinishedAuditEntry last) => new PageToken(
        Digest,
        [last.Entry.Time.UtcTicks.ToString(CultureInfo.InvariantCulture)],
        last.Number.ToString(CultureInfo.InvariantCulture)).ToString();

    private static Result<DateTimeOffset> Time(IQueryCollection query, string name, DateTimeOffset otherwise)
    {
        if (query[name].ToString() is not { Length: > 0 } text) return otherwise;
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? time
            : Bad(name == "startTime" ? "start_time" : "end_time", "must be an RFC 3339 time such as 2030-01-31T12:00:00Z");
    }

    private static Result<int> Size(string text) => text.Length == 0
        ? DefaultPageSize
        : !int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var size)
            ? Bad("page_size", $"must be a whole number from 0 (meaning {DefaultPageSize}), at most {MaxPageSize} are answered")
            : size == 0 ? DefaultPageSize : Math.Min(size, MaxPageSize);

    private static Problem Bad(string field, string description) =>
        new(Code.InvalidArgument, $"{field} {description}", [new Violation(field, description)]);
}
