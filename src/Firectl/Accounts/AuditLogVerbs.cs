using System.CommandLine;
using System.Globalization;
using Firectl.Output;
using Stoker.Api.Resources;

namespace Firectl.Accounts;

/// <summary><c>firectl list audit-logs</c>: who changed what in the account, newest first. For its admins.</summary>
internal static class AuditLogVerbs
{
    private static readonly Column[] Columns =
    [
        new("TIME", "timestamp"), new("PRINCIPAL", "principal"), new("METHOD", "method"), new("RESOURCE", "resource"), new("STATUS", "status.code"),
        new("FROM", "remoteAddress"), new("KEY", "keyId"),
    ];

    public static void Add(VerbTree verbs) => verbs.Add("list", ["audit-log", "audit-logs"], "List who changed what, newest first", List);

    private static Verb List(Command command)
    {
        var start = new Option<string?>("--start-time") { Description = "From when, YYYY-MM-DD[ HH:MM:SS] in UTC (default 30 days ago)" };
        var end = new Option<string?>("--end-time") { Description = "Until when, YYYY-MM-DD[ HH:MM:SS] in UTC (default now)" };
        var email = new Option<string?>("--email") { Description = "Only what the user of this address did" };
        var listing = new Listing();
        listing.AddTo(command);
        command.Options.Add(start);
        command.Options.Add(end);
        command.Options.Add(email);
        return async (invocation, cancellation) =>
        {
            var query = new List<string>();
            AddTime("startTime", ExpireTime.Parse(invocation.Value(start), "--start-time"));
            AddTime("endTime", ExpireTime.Parse(invocation.Value(end), "--end-time"));
            if (invocation.Value(email) is { } address) query.Add($"email={Uri.EscapeDataString(address)}");
            var path = $"v1/{await invocation.AccountAsync(cancellation)}/auditLogs" + (query.Count == 0 ? "" : "?" + string.Join('&', query));
            return await listing.WriteAsync(invocation, path, "auditLogs", ServerConnection.Type<ListAuditLogsResponse>(), Columns, cancellation);

            void AddTime(string name, DateTimeOffset? time)
            {
                if (time is { } given) query.Add($"{name}={Uri.EscapeDataString(given.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture))}");
            }
        };
    }
}
