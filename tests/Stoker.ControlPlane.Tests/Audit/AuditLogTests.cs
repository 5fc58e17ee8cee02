using System.Net;
using System.Net.Http.Json;
using Microsoft.Extensions.DependencyInjection;
using Stoker.Api;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Audit;
using Stoker.ControlPlane.Storage;
using Stoker.ControlPlane.Tests.Gateway;
using Stoker.Testing;

namespace Stoker.ControlPlane.Tests.Audit;

public sealed class AuditLogTests : IAsyncLifetime
{
    private const string Logs = "/v1/accounts/default/auditLogs";

    private readonly ManualTime _time = new(new DateTimeOffset(2030, 1, 1, 12, 0, 0, TimeSpan.Zero));
    private GatewayHost _host = null!;
    private HttpClient _admin = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _host = await GatewayHost.StartAsync(
            _time, "Stoker:Audit:MaxEntries=1000", "Stoker:Storage:OtherProcessPollInterval=00:01:00"); // polls of a month by a clock that is turned
        _admin = _host.Admin();
    }

    public async ValueTask DisposeAsync()
    {
        _admin.Dispose();
        await _host.DisposeAsync();
    }

    [Fact]
    public async Task A_change_leaves_who_what_when_and_from_where()
    {
        await SendAsync(_admin, HttpMethod.Post, "/v1/accounts/default/users", """{"role":"user","email":"ann.lee@example.com"}""", 200);

        var entry = (await ListAsync(_admin)).AuditLogs.ShouldHaveSingleItem();
        (entry.Principal, entry.KeyId, entry.Method, entry.Resource).ShouldBe(("accounts/default/users/admin", "admin", "CreateUser", "accounts/default/users/ann-lee"));
        (entry.Timestamp, entry.Status!.Code, entry.IsAdminAction).ShouldBe((_time.GetUtcNow(), "OK", false));
        IPAddress.IsLoopback(IPAddress.Parse(entry.RemoteAddress!)).ShouldBeTrue();
    }

    [Fact]
    public async Task Every_kind_of_change_names_its_method_and_its_resource()
    {
        await SendAsync(_admin, HttpMethod.Post, "/v1/accounts?accountId=team", "{}", 200);
        await SendAsync(_admin, HttpMethod.Patch, "/v1/accounts/default?updateMask=display_name", """{"displayName":"D"}""", 200);
        await SendAsync(_admin, HttpMethod.Post, "/v1/accounts/default/users?userId=ann", """{"role":"user"}""", 200);
        await SendAsync(_admin, HttpMethod.Patch, "/v1/accounts/default/users/ann?updateMask=role", """{"role":"contributor"}""", 200);
        var key = await _host.CreateKeyAsync("accounts/default/users/ann", "{}");
        await SendAsync(_admin, HttpMethod.Post, "/v1/accounts/default/users/ann/apiKeys:delete", $$"""{"keyId":"{{key.KeyId}}"}""", 200);
        await SendAsync(_admin, HttpMethod.Delete, "/v1/accounts/default/users/ann", null, 200);
        await SendAsync(_admin, HttpMethod.Delete, "/v1/accounts/default/users/ann", null, 404);
        await SendAsync(_admin, HttpMethod.Get, "/v1/accounts/default/users", null, 200);

        (await ListAsync(_admin)).AuditLogs.Reverse().Select(entry => $"{entry.Method} {entry.Resource} {entry.Status!.Code}").ShouldBe(
        [
            "CreateAccount accounts/team OK",
            "UpdateAccount accounts/default OK",
            "CreateUser accounts/default/users/ann OK",
            "UpdateUser accounts/default/users/ann OK",
            $"CreateApiKey accounts/default/users/ann/apiKeys/{key.KeyId} OK",
            $"DeleteApiKey accounts/default/users/ann/apiKeys/{key.KeyId} OK",
            "DeleteUser accounts/default/users/ann OK",
            "DeleteUser accounts/default/users/ann NOT_FOUND",
        ]);
        var raw = await _admin.GetStringAsync($"{Logs}?pageSize=200", Cancellation);
        raw.ShouldNotContain(key.Key!);
        raw.ShouldNotContain(key.Prefix!);
    }

    [Fact]
    public async Task Refusals_stay_with_who_was_refused_and_strangers_leave_nothing()
    {
        using var other = _host.Client(await _host.CreateAccountAsync("other"));
        using var stranger = _host.Client("fw_wrong");
        using var ann = _host.Client(await _host.CreateUserAsync("default", "ann", "inference-user"));
        var before = (await ListAsync(_admin)).TotalSize!.Value;

        await SendAsync(stranger, HttpMethod.Post, "/v1/accounts/default/users", "{}", 401);
        await SendAsync(other, HttpMethod.Delete, "/v1/accounts/default/users/ann", null, 404);
        await SendAsync(ann, HttpMethod.Delete, "/v1/accounts/default/users/admin", null, 403);

        var ours = await ListAsync(_admin);
        ours.TotalSize.ShouldBe(before + 1);
        (ours.AuditLogs[0].Principal, ours.AuditLogs[0].Status!.Code).ShouldBe(("accounts/default/users/ann", "PERMISSION_DENIED"));
        var theirs = (await other.GetFromJsonAsync("/v1/accounts/other/auditLogs", ApiJson.Default.ListAuditLogsResponse, Cancellation))!.AuditLogs;
        (theirs[0].Principal, theirs[0].Resource, theirs[0].Status!.Code).ShouldBe(("accounts/other/users/someone", "accounts/default/users/ann", "NOT_FOUND"));
    }

    [Fact]
    public async Task What_an_operator_does_in_an_account_both_see()
    {
        using var other = _host.Client(await _host.CreateAccountAsync("other"));

        var theirs = (await other.GetFromJsonAsync("/v1/accounts/other/auditLogs", ApiJson.Default.ListAuditLogsResponse, Cancellation))!.AuditLogs;

        theirs.Select(entry => (entry.Method, entry.IsAdminAction)).ShouldBe([("CreateApiKey", true), ("CreateUser", true)]);
        (await ListAsync(_admin)).AuditLogs.Select(entry => entry.Method).ShouldBe(["CreateApiKey", "CreateUser", "CreateAccount"]);
    }

    [Fact]
    public async Task Admins_alone_read_it()
    {
        using var ann = _host.Client(await _host.CreateUserAsync("default", "ann", "user"));
        using var other = _host.Client(await _host.CreateAccountAsync("other"));
        await SendAsync(ann, HttpMethod.Get, Logs, null, 403);
        await SendAsync(other, HttpMethod.Get, Logs, null, 404);
        await SendAsync(_admin, HttpMethod.Get, "/v1/accounts/other/auditLogs", null, 404); // what tenants do is theirs
    }

    [Fact]
    public async Task Pages_filters_and_times_choose_what_is_shown()
    {
        for (var i = 0; i < 25; i++)
        {
            await SendAsync(_admin, HttpMethod.Post, $"/v1/accounts/default/users?userId=user-{i:00}", $$"""{"role":"user","email":"u{{i}}@example.com"}""", 200);
            if (i % 5 == 0) await SendAsync(_admin, HttpMethod.Post, $"/v1/accounts/default/users?userId=user-{i:00}", """{"role":"user"}""", 409);
            _time.Advance(TimeSpan.FromHours(1));
        }

        var (first, seen) = (await ListAsync(_admin, ""), new List<AuditLogResource>());
        (first.AuditLogs.Count, first.TotalSize).ShouldBe((10, 30));
        for (var page = first; ; page = await ListAsync(_admin, $"?pageToken={page.NextPageToken}"))
        {
            seen.AddRange(page.AuditLogs);
            if (page.NextPageToken is null) break;
        }

        seen.Count.ShouldBe(30);
        seen.Select(entry => entry.Id).Distinct().Count().ShouldBe(30);
        seen.Select(entry => entry.Timestamp).ShouldBe(seen.Select(entry => entry.Timestamp).OrderDescending());

        var failed = await ListAsync(_admin, $"?pageSize=3&filter={Uri.EscapeDataString("status.code=\"ALREADY_EXISTS\"")}");
        (failed.AuditLogs.Count, failed.TotalSize, failed.NextPageToken is null).ShouldBe((3, null, false));
        (await ListAsync(_admin, $"?pageSize=3&filter={Uri.EscapeDataString("status.code=\"ALREADY_EXISTS\"")}&pageToken={failed.NextPageToken}")).AuditLogs.Count.ShouldBe(2);
        (await ListAsync(_admin, "?startTime=2030-01-01T14:00:00Z&endTime=2030-01-01T15:00:00Z")).AuditLogs.ShouldHaveSingleItem().Resource.ShouldBe("accounts/default/users/user-02");
        (await ListAsync(_admin, "?email=nobody@example.com")).AuditLogs.ShouldBeEmpty();
        (await _admin.GetStringAsync($"{Logs}?pageSize=1&readMask=method", Cancellation)).ShouldContain("""{"auditLogs":[{"method":"CreateUser"}],""");
        _time.Advance(TimeSpan.FromDays(31));
        (await ListAsync(_admin, "")).AuditLogs.ShouldBeEmpty(); // 30 days, unless asked for more
        (await ListAsync(_admin, "?startTime=2030-01-01T00:00:00Z")).TotalSize.ShouldBe(30);
    }

    [Fact]
    public async Task An_email_finds_what_its_user_did()
    {
        await SendAsync(_admin, HttpMethod.Post, "/v1/accounts/default/users?userId=ann", """{"role":"admin","email":"ann@example.com"}""", 200);
        using var ann = _host.Client((await _host.CreateKeyAsync("accounts/default/users/ann", "{}")).Key);
        await SendAsync(ann, HttpMethod.Patch, "/v1/accounts/default/users/ann?updateMask=display_name", """{"displayName":"Ann"}""", 200);

        var entry = (await ListAsync(_admin, "?email=ann@example.com")).AuditLogs.ShouldHaveSingleItem();
        (entry.Email, entry.Method).ShouldBe(("ann@example.com", "UpdateUser"));
    }

    [Theory]
    [InlineData("?orderBy=time")]
    [InlineData("?pageSize=-1")]
    [InlineData("?pageToken=AAAA")]
    [InlineData("?startTime=yesterday")]
    [InlineData("?startTime=2030-01-02T00:00:00Z&endTime=2030-01-01T00:00:00Z")]
    [InlineData("?filter=colour%3D1")]
    [InlineData("?readMask=colour")]
    [InlineData("?email=a&email=b")]
    public Task Wrong_parameters_are_refused(string query) => SendAsync(_admin, HttpMethod.Get, Logs + query, null, 400);

    [Fact]
    public async Task A_token_continues_its_own_list_alone()
    {
        for (var i = 0; i < 3; i++) await SendAsync(_admin, HttpMethod.Post, "/v1/accounts/default/users", "{}", 400);
        var token = (await ListAsync(_admin, "?pageSize=1")).NextPageToken;
        await SendAsync(_admin, HttpMethod.Get, $"{Logs}?pageToken={token}&email=x", null, 400);
        await SendAsync(_admin, HttpMethod.Get, $"{Logs}?pageToken={token}", null, 200);
    }

    [Fact]
    public async Task What_cannot_be_logged_is_not_done()
    {
        var database = _host.App.Services.GetRequiredService<SqliteDatabase>();
        await database.WriteAsync(session => session.Execute("ALTER TABLE audit_open RENAME TO elsewhere"), Cancellation);

        await SendAsync(_admin, HttpMethod.Post, "/v1/accounts/default/users?userId=ann", """{"role":"user"}""", 503);

        await SendAsync(_admin, HttpMethod.Get, "/v1/accounts/default/users/ann", null, 404);
    }

    [Fact]
    public async Task A_call_that_its_process_did_not_outlive_is_told_of_as_unknown()
    {
        var (log, store) = (_host.App.Services.GetRequiredService<AuditLog>(), _host.App.Services.GetRequiredService<SqliteAuditStore>());
        var entry = Entry("lost", _time.GetUtcNow());
        await store.BeginAsync(entry, "1:1", Cancellation); // that process of this id started at another time
        await store.BeginAsync(entry with { Id = "alive" }, Own(), Cancellation);

        await log.EndAbandonedAsync();
        await log.EndAbandonedAsync();

        var found = (await ListAsync(_admin)).AuditLogs.ShouldHaveSingleItem();
        (found.Id, found.Status!.Code).ShouldBe(("lost", "UNKNOWN"));
        store.ListOpen().ShouldHaveSingleItem().Entry.Id.ShouldBe("alive");
        await store.FinishAsync(entry with { Id = "alive" }, "OK");
        store.ListOpen().ShouldBeEmpty();
    }

    [Fact]
    public async Task Entries_are_never_changed_and_removed_by_age_and_number_alone()
    {
        var (log, store) = (_host.App.Services.GetRequiredService<AuditLog>(), _host.App.Services.GetRequiredService<SqliteAuditStore>());
        var database = _host.App.Services.GetRequiredService<SqliteDatabase>();
        var now = _time.GetUtcNow();
        for (var i = 0; i < 1_010; i++) await store.FinishAsync(Entry($"e{i}", now.AddMinutes(i)), "OK");
        await store.FinishAsync(Entry("old", now.AddDays(-401)), "OK");

        await Should.ThrowAsync<StorageException>(() => database.WriteAsync(session => session.Execute("UPDATE audit SET status = 'x'"), Cancellation));
        await Should.ThrowAsync<StorageException>(() => database.WriteAsync(session => session.Execute("DELETE FROM audit"), Cancellation));
        await log.PruneAsync(Cancellation);

        var all = new AuditRange("accounts/default", DateTimeOffset.MinValue, DateTimeOffset.MaxValue, null, DateTimeOffset.MaxValue, long.MaxValue);
        store.Count(all).ShouldBe(1_000);
        store.List(all, 2_000)[^1].Entry.Id.ShouldBe("e10");
    }

    private static string Own()
    {
        var own = Stoker.ControlPlane.Runtimes.ProcessIdentity.Own!;
        return $"{own.Pid}:{own.StartTicks}";
    }

    private static AuditEntry Entry(string id, DateTimeOffset time) => new(
        id, time, "accounts/default", "accounts/default", "accounts/default/users/admin", null, "admin", "CreateUser", "accounts/default/users", "127.0.0.1", false);

    private static async Task<ListAuditLogsResponse> ListAsync(HttpClient client, string query = "?pageSize=200") =>
        (await client.GetFromJsonAsync(Logs + query, ApiJson.Default.ListAuditLogsResponse, Cancellation))!;

    private static async Task SendAsync(HttpClient client, HttpMethod method, string path, string? body, int status)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : GatewayHost.Json(body) };
        using var answer = await client.SendAsync(request, Cancellation);
        ((int)answer.StatusCode).ShouldBe(status, $"{method} {path}: {await answer.Content.ReadAsStringAsync(Cancellation)}");
    }
}
