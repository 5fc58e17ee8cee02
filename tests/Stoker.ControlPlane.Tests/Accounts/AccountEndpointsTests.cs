using System.Net.Http.Json;
using System.Text.Json;
using Stoker.Api;
using Stoker.ControlPlane.Tests.Gateway;

namespace Stoker.ControlPlane.Tests.Accounts;

public sealed class AccountEndpointsTests : IAsyncLifetime
{
    private GatewayHost _host = null!;
    private HttpClient _admin = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _host = await GatewayHost.StartAsync(null, "Stoker:Accounts:MaxKeysPerUser=3", "Stoker:Accounts:MaxUsersPerAccount=3");
        _admin = _host.Admin();
    }

    public async ValueTask DisposeAsync()
    {
        _admin.Dispose();
        await _host.DisposeAsync();
    }

    [Fact]
    public async Task Whoami_tells_whose_key_it_is() =>
        (await _admin.GetStringAsync("/v1/whoami", Cancellation)).ShouldBe(
            """{"account":"accounts/default","user":"accounts/default/users/admin","role":"admin","keyId":"admin","scopes":["all"]}""");

    [Fact]
    public async Task An_account_sees_itself_and_the_operator_sees_all()
    {
        using var other = _host.Client(await _host.CreateAccountAsync("other"));

        (await NamesAsync(_admin, "/v1/accounts", "accounts")).ShouldBe(["accounts/default", "accounts/other"]);
        (await NamesAsync(other, "/v1/accounts", "accounts")).ShouldBe(["accounts/other"]);
        (await NamesAsync(_admin, "/v1/accounts?filter=name%3D%22accounts%2Fother%22", "accounts")).ShouldBe(["accounts/other"]);
        var account =
            await _admin.GetFromJsonAsync("/v1/accounts/other", ApiJson.Default.AccountResource, Cancellation);
        (account!.Name, account.State).ShouldBe(("accounts/other", "READY"));
        (await _admin.GetStringAsync("/v1/accounts/other?readMask=name", Cancellation)).ShouldBe("""{"name":"accounts/other"}""");
    }

    [Fact]
    public async Task Only_the_operator_creates_accounts()
    {
        using var other = _host.Client(await _host.CreateAccountAsync("other"));

        await ProblemAsync(other, HttpMethod.Post, "/v1/accounts?accountId=third", "{}", 403, 7);
        await ProblemAsync(_admin, HttpMethod.Post, "/v1/accounts?accountId=other", "{}", 409, 6);
        await ProblemAsync(_admin, HttpMethod.Post, "/v1/accounts?accountId=fireworks", "{}", 409, 6);
        await ProblemAsync(_admin, HttpMethod.Post, "/v1/accounts", "{}", 400, 3);
        await ProblemAsync(_admin, HttpMethod.Post, "/v1/accounts?accountId=1st", "{}", 400, 3);
        await ProblemAsync(_admin, HttpMethod.Post, "/v1/accounts?accountId=third&x=1", "{}", 400, 3);
        await ProblemAsync(_admin, HttpMethod.Post, "/v1/accounts?accountId=third", """{"nonsense":1}""", 400, 3);
        await ProblemAsync(_admin, HttpMethod.Post, "/v1/accounts?accountId=third", """{"email":"nobody"}""", 400, 3);
        await ProblemAsync(_admin, HttpMethod.Post, "/v1/accounts?accountId=third", """{"suspendState":"CREDIT_DEPLETED"}""", 400, 3);
        (await NamesAsync(_admin, "/v1/accounts", "accounts")).ShouldBe(["accounts/default", "accounts/other"]);
    }

    [Fact]
    public async Task An_account_is_changed_by_its_admins_and_the_operator()
    {
        using var other = _host.Client(await _host.CreateAccountAsync("other"));
        using var user = _host.Client(await _host.CreateUserAsync("other", "ann", "user"));
        (await _admin.GetFromJsonAsync("/v1/accounts/other", ApiJson.Default.AccountResource, Cancellation))!.DeploymentDeletionGuard.ShouldBeNull(); // off

        (await PatchAsync(other, "?updateMask=deployment_deletion_guard", """{"deploymentDeletionGuard":true,"displayName":"not masked"}"""))
            .ShouldBe((null, true));
        (await PatchAsync(_admin, "", """{"displayName":"Other"}""")).ShouldBe(("Other", true));
        (await PatchAsync(other, "", """{"deploymentDeletionGuard":false}""")).ShouldBe(("Other", null));

        await ProblemAsync(user, HttpMethod.Patch, "/v1/accounts/other", """{"deploymentDeletionGuard":true}""", 403, 7);
        await ProblemAsync(other, HttpMethod.Patch, "/v1/accounts/default", """{"displayName":"mine"}""", 404, 5);
        await ProblemAsync(_admin, HttpMethod.Patch, "/v1/accounts/nobody", """{"displayName":"x"}""", 404, 5);
        await ProblemAsync(_admin, HttpMethod.Patch, "/v1/accounts/other", """{"email":"nobody"}""", 400, 3);
        await ProblemAsync(_admin, HttpMethod.Patch, "/v1/accounts/other", """{"nonsense":1}""", 400, 3);
        await ProblemAsync(_admin, HttpMethod.Patch, "/v1/accounts/other?updateMask=state", """{"state":"READY"}""", 400, 3);
        await ProblemAsync(_admin, HttpMethod.Patch, "/v1/accounts/other?x=1", "{}", 400, 3);

        async Task<(string?, bool?)> PatchAsync(HttpClient client, string query, string body)
        {
            using var answer = await client.PatchAsync($"/v1/accounts/other{query}", GatewayHost.Json(body), Cancellation);
            var account = await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync(ApiJson.Default.AccountResource, Cancellation);
            return (account!.DisplayName, account.DeploymentDeletionGuard);
        }
    }

    [Fact]
    public async Task Users_are_made_named_listed_and_changed()
    {
        using (var made = await _admin.PostAsync("/v1/accounts/default/users", GatewayHost.Json("""{"role":"user","email":"Ann.Lee@example.com"}"""), Cancellation))
        {
            var user = await made.Content.ReadFromJsonAsync(ApiJson.Default.UserResource, Cancellation);
            (user!.Name, user.Role, user.State).ShouldBe(("accounts/default/users/ann-lee", "user", "READY"));
        }

        (await NamesAsync(_admin, "/v1/accounts/default/users", "users")).ShouldBe(["accounts/default/users/admin", "accounts/default/users/ann-lee"]);
        using (var changed = await _admin.PatchAsync("/v1/accounts/default/users/ann-lee?updateMask=role", GatewayHost.Json("""{"role":"contributor","displayName":"ignored"}"""), Cancellation))
        {
            var user = await changed.Content.ReadFromJsonAsync(ApiJson.Default.UserResource, Cancellation);
            (user!.Role, user.DisplayName, user.Email).ShouldBe(("contributor", null, "Ann.Lee@example.com"));
        }

        await ProblemAsync(_admin, HttpMethod.Post, "/v1/accounts/default/users?userId=ann-lee", """{"role":"user"}""", 409, 6);
        await ProblemAsync(_admin, HttpMethod.Post, "/v1/accounts/default/users?userId=x", "{}", 400, 3);
        await ProblemAsync(_admin, HttpMethod.Post, "/v1/accounts/default/users?userId=x", """{"role":"king"}""", 400, 3);
        await ProblemAsync(_admin, HttpMethod.Post, "/v1/accounts/default/users", """{"role":"user"}""", 400, 3);
        await ProblemAsync(_admin, HttpMethod.Post, "/v1/accounts/nobody/users?userId=x", """{"role":"user"}""", 404, 5);
        await ProblemAsync(_admin, HttpMethod.Patch, "/v1/accounts/default/users/nobody", """{"role":"user"}""", 404, 5);
        await ProblemAsync(_admin, HttpMethod.Patch, "/v1/accounts/default/users/ann-lee?updateMask=create_time", "{}", 400, 3);
        // the last admin
        await ProblemAsync(_admin, HttpMethod.Patch, "/v1/accounts/default/users/admin", """{"role":"user"}""", 400, 9);
    }

    [Fact]
    public async Task A_changed_role_counts_at_once()
    {
        using var ann = _host.Client(await _host.CreateUserAsync("default", "ann", "user"));
        using (var list = await ann.GetAsync("/v1/accounts/default/users", Cancellation)) list.EnsureSuccessStatusCode();

        using var changed = await _admin.PatchAsync("/v1/accounts/default/users/ann", GatewayHost.Json("""{"role":"inference-user"}"""), Cancellation);
        changed.EnsureSuccessStatusCode();

        await ProblemAsync(ann, HttpMethod.Get, "/v1/accounts/default/users", null, 403, 7);
    }

    [Fact]
    public async Task Users_manage_their_own_keys_and_only_admins_those_of_others()
    {
        using var ann = _host.Client(await _host.CreateUserAsync("default", "ann", "user"));

        using (var made = await ann.PostAsync("/v1/accounts/default/users/ann/apiKeys", GatewayHost.Json("""{"apiKey":{"displayName":"laptop"}}"""), Cancellation))
        {
            var key = await made.Content.ReadFromJsonAsync(ApiJson.Default.ApiKeyResource, Cancellation);
            key!.Key!.ShouldStartWith(key.Prefix!);
            (key.DisplayName, key.Secure).ShouldBe(("laptop", true));
        }

        var list = await ann.GetStringAsync("/v1/accounts/default/users/ann/apiKeys", Cancellation);
        list.ShouldNotContain("\"key\":"); // shown once
        using var keys = JsonDocument.Parse(list);
        keys.RootElement.GetProperty("totalSize").GetInt32().ShouldBe(2);
        await ProblemAsync(ann, HttpMethod.Get, "/v1/accounts/default/users/admin/apiKeys", null, 403, 7);
        await ProblemAsync(ann, HttpMethod.Post, "/v1/accounts/default/users/admin/apiKeys", "{}", 403, 7);
        await ProblemAsync(ann, HttpMethod.Post, "/v1/accounts/default/users/admin/apiKeys:delete", """{"keyId":"admin"}""", 403, 7);
        await ProblemAsync(ann, HttpMethod.Post, "/v1/accounts/default/users?userId=eve", """{"role":"admin"}""", 403, 7);
        await ProblemAsync(ann, HttpMethod.Patch, "/v1/accounts/default/users/ann", """{"role":"admin"}""", 403, 7);
    }

    [Fact]
    public async Task Bad_key_requests_are_refused()
    {
        const string Keys = "/v1/accounts/default/users/admin/apiKeys";

        await ProblemAsync(_admin, HttpMethod.Post, Keys, """{"apiKey":{"expireTime":"2001-01-01T00:00:00Z"}}""", 400, 3);
        await ProblemAsync(_admin, HttpMethod.Post, Keys, """{"apiKey":{"expireTime":"soon"}}""", 400, 3);
        await ProblemAsync(_admin, HttpMethod.Post, Keys, $$$"""{"apiKey":{"displayName":"{{{new string('x', 64)}}}"}}""", 400, 3);
        await ProblemAsync(_admin, HttpMethod.Post, Keys, """{"apiKey":{"displayName":"a","displayName":"b"}}""", 400, 3);
        await ProblemAsync(_admin, HttpMethod.Post, $"{Keys}:delete", "{}", 400, 3);
        await ProblemAsync(_admin, HttpMethod.Post, $"{Keys}:delete", """{"keyId":"nothing"}""", 404, 5);
        await ProblemAsync(_admin, HttpMethod.Post, $"{Keys}:delete", """{"keyId":"../.."}""", 404, 5);
        await ProblemAsync(_admin, HttpMethod.Post, "/v1/accounts/default/users/nobody/apiKeys", "{}", 404, 5);
    }

    [Fact]
    public async Task The_last_way_into_the_server_cannot_be_revoked()
    {
        const string Delete = "/v1/accounts/default/users/admin/apiKeys:delete";
        await ProblemAsync(_admin, HttpMethod.Post, Delete, """{"keyId":"admin"}""", 400, 9);
        await _host.CreateKeyAsync("accounts/default/users/admin", """{"expireTime":"2100-01-01T00:00:00Z"}""");
        await ProblemAsync(_admin, HttpMethod.Post, Delete, """{"keyId":"admin"}""", 400, 9);

        var second = await _host.CreateKeyAsync("accounts/default/users/admin", "{}");

        using (var deleted = await _admin.PostAsync(Delete, GatewayHost.Json("""{"keyId":"admin"}"""), Cancellation)) deleted.EnsureSuccessStatusCode();
        await ProblemAsync(_admin, HttpMethod.Get, "/v1/whoami", null, 401, 16);
        using var client = _host.Client(second.Key);
        (await client.GetStringAsync("/v1/whoami", Cancellation)).ShouldContain(second.KeyId!);
    }

    [Fact]
    public async Task Counts_are_bounded()
    {
        await _host.CreateUserAsync("default", "one", "user");
        await _host.CreateUserAsync("default", "two", "user");
        await ProblemAsync(_admin, HttpMethod.Post, "/v1/accounts/default/users?userId=three", """{"role":"user"}""", 429, 8);

        await _host.CreateKeyAsync("accounts/default/users/admin", "{}");
        await _host.CreateKeyAsync("accounts/default/users/admin", "{}");
        await ProblemAsync(_admin, HttpMethod.Post, "/v1/accounts/default/users/admin/apiKeys", "{}", 429, 8);
    }

    [Fact]
    public async Task Anothers_users_and_missing_ones_are_the_same_bytes()
    {
        using var other = _host.Client(await _host.CreateAccountAsync("another")); // as long as "default": so is the Content-Length
        async Task<string> AskAsync(string path)
        {
            using var answer = await other.GetAsync(path, Cancellation);
            return $"{(int)answer.StatusCode} {answer.Content.Headers} {await answer.Content.ReadAsStringAsync(Cancellation)}";
        }

        var theirs = await AskAsync("/v1/accounts/default/users/admin");
        var missing = await AskAsync("/v1/accounts/default/users/nimda");
        var nowhere = await AskAsync("/v1/accounts/nowhere/users/admin");
        var ownMissing = await AskAsync("/v1/accounts/another/users/admin");

        theirs.ShouldStartWith("404");
        missing.ShouldBe(theirs.Replace("admin", "nimda", StringComparison.Ordinal));
        nowhere.ShouldBe(theirs.Replace("default", "nowhere", StringComparison.Ordinal));
        ownMissing.ShouldBe(theirs.Replace("default", "another", StringComparison.Ordinal));
    }

    private static async Task<List<string?>> NamesAsync(HttpClient client, string path, string collection)
    {
        using var json = JsonDocument.Parse(await client.GetStringAsync(path, Cancellation));
        return [.. json.RootElement.GetProperty(collection).EnumerateArray().Select(item => item.GetProperty("name").GetString())];
    }

    private static async Task ProblemAsync(HttpClient client, HttpMethod method, string path, string? body, int status, int code)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : GatewayHost.Json(body) };
        using var answer = await client.SendAsync(request, Cancellation);
        var text = await answer.Content.ReadAsStringAsync(Cancellation);
        ((int)answer.StatusCode).ShouldBe(status, text);
        using var problem = JsonDocument.Parse(text);
        problem.RootElement.GetProperty("code").GetInt32().ShouldBe(code, text);
        problem.RootElement.GetProperty("message").GetString().ShouldNotBeNullOrEmpty();
        problem.RootElement.GetProperty("details").ValueKind.ShouldBe(JsonValueKind.Array);
    }
}
