using System.Text;
using System.Text.Json.Nodes;
using Stoker.EndToEnd.Tests.Harness;

namespace Stoker.EndToEnd.Tests.Security;

/// <summary>Every role at every route of the server, as the server itself lists them, and what each call leaves in the audit log.</summary>
public class RoleMatrixTests
{
    private static readonly string[] Roles = ["inference-user", "contributor", "user", "admin"];

    /// <summary>The least role that reads and that changes a collection: what docs/accounts.md promises.</summary>
    private static readonly Dictionary<string, (string Read, string Change)> Least = new()
    {
        ["users"] = ("contributor", "admin"),
        ["apiKeys"] = ("admin", "admin"), // of another user, as here; everybody's own are everybody's
        ["auditLogs"] = ("admin", "admin"),
        ["models"] = ("contributor", "contributor"),
        ["versions"] = ("contributor", "contributor"),
        ["deployments"] = ("contributor", "user"),
        ["deployedModels"] = ("contributor", "user"),
        ["routers"] = ("contributor", "user"),
        ["deploymentShapes"] = ("contributor", "user"),
    };

    private static readonly (string Read, string Change) Other = ("contributor", "admin");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_role_may_what_the_table_says_at_each_route_and_nothing_more()
    {
        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(sandbox);
        await MakeAsync(server, "/v1/accounts?accountId=team", "{}");
        var keys = new Dictionary<string, string>();
        foreach (var role in Roles) keys[role] = await KeyAsync(server, role);

        var wrong = new List<string>();
        foreach (var route in await ManagementRoutes.ReadAsync(sandbox))
        {
            foreach (var role in Roles)
            {
                var status = await StatusAsync(server, route, keys[role]);
                if (IsAllowed(route, role) != (status is not (401 or 403))) wrong.Add($"{role} {route}: {status}");
                if (status >= 500 && status != 501) wrong.Add($"{role} {route}: {status}, which is a bug");
            }
        }

        wrong.ShouldBeEmpty();
    }

    [Fact]
    public async Task Each_call_that_changes_leaves_one_entry_and_no_other_does()
    {
        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(sandbox);
        await MakeAsync(server, "/v1/accounts?accountId=team", "{}");
        var key = await KeyAsync(server, "admin");

        var wrong = new List<string>();
        var before = await EntriesAsync(server, key);
        foreach (var route in await ManagementRoutes.ReadAsync(sandbox))
        {
            await StatusAsync(server, route, key);
            var after = await EntriesAsync(server, key);
            if (after - before != (route.IsLogged ? 1 : 0)) wrong.Add($"{route}: {after - before} entries");
            before = after;
        }

        wrong.ShouldBeEmpty();
        before.ShouldBeGreaterThan(20);
    }

    private static bool IsAllowed(ManagementRoute route, string role)
    {
        // What no role of an account gives.
        if (route.Pattern == "/v1/accounts" && !route.IsRead) return false; // an operator makes accounts
        if (route.Collection == "reservations" && !route.IsRead) return false; // and reserves
        if (!route.Pattern.Contains("{account}", StringComparison.Ordinal)) return true;
        var least = Least.GetValueOrDefault(route.Collection, Other);
        return Array.IndexOf(Roles, role) >= Array.IndexOf(Roles, route.IsRead ? least.Read : least.Change);
    }

    private static async Task<int> StatusAsync(StokerServerProcess server, ManagementRoute route, string key)
    {
        using var request = new HttpRequestMessage(new HttpMethod(route.Method), route.Path("team"));
        request.Headers.Authorization = new("Bearer", key);
        if (!route.IsRead) request.Content = new StringContent("{}", Encoding.UTF8, "application/json");
        using var answer = await server.Http.SendAsync(request, Cancellation);
        return (int)answer.StatusCode;
    }

    private static async Task<string> KeyAsync(StokerServerProcess server, string role)
    {
        await MakeAsync(server, $"/v1/accounts/team/users?userId=the-{role}", $$"""{"role":"{{role}}"}""");
        return (await MakeAsync(server, $"/v1/accounts/team/users/the-{role}/apiKeys", "{}"))["key"]!.GetValue<string>();
    }

    private static async Task<JsonNode> MakeAsync(StokerServerProcess server, string path, string body)
    {
        var answer = await RawHttp.PostAsync(server, path, body);
        answer.Status.ShouldBe(200, answer.Text);
        return answer.Json;
    }

    private static async Task<int> EntriesAsync(StokerServerProcess server, string key)
    {
        var answer = await RawHttp.SendAsync(server, "GET", "/v1/accounts/team/auditLogs?pageSize=1", null, $"Authorization: Bearer {key}");
        answer.Status.ShouldBe(200, answer.Text);
        return answer.Json["totalSize"]!.GetValue<int>();
    }
}
