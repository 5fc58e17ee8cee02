using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Stoker.Api;
using Stoker.ControlPlane.Tests.Gateway;

namespace Stoker.ControlPlane.Tests.Accounts;

/// <summary>Users that go, and users that are programs.</summary>
public sealed class UserDeletionTests : IAsyncLifetime
{
    private GatewayHost _host = null!;
    private HttpClient _admin = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _host = await GatewayHost.StartAsync();
        _admin = _host.Admin();
    }

    public async ValueTask DisposeAsync()
    {
        _admin.Dispose();
        await _host.DisposeAsync();
    }

    [Fact]
    public async Task A_deleted_users_keys_open_nothing_also_when_the_name_is_used_again()
    {
        using var ann = _host.Client(await _host.CreateUserAsync("default", "ann", "user"));
        (await StatusAsync(ann, HttpMethod.Get, "/v1/whoami")).ShouldBe(200);

        (await StatusAsync(_admin, HttpMethod.Delete, "/v1/accounts/default/users/ann")).ShouldBe(200);

        (await StatusAsync(ann, HttpMethod.Get, "/v1/whoami")).ShouldBe(401);
        (await StatusAsync(_admin, HttpMethod.Delete, "/v1/accounts/default/users/ann")).ShouldBe(404);
        await _host.CreateUserAsync("default", "ann", "admin");
        (await StatusAsync(ann, HttpMethod.Get, "/v1/whoami")).ShouldBe(401);
    }

    [Fact]
    public async Task Who_keeps_the_server_manageable_can_neither_go_nor_become_less()
    {
        var bob = await _host.CreateUserAsync("default", "bob", "user"); // no admin
        (await StatusAsync(_admin, HttpMethod.Delete, "/v1/accounts/default/users/admin")).ShouldBe(400);
        (await StatusAsync(_admin, HttpMethod.Post, "/v1/accounts/default/users?userId=ann", """{"role":"admin"}""")).ShouldBe(200);

        // Another admin, but without a key that lasts and manages.
        await _host.CreateKeyAsync("accounts/default/users/ann", """{"expireTime":"2100-01-01T00:00:00Z"}""");
        await _host.CreateKeyAsync("accounts/default/users/ann", """{"scopes":["inference"]}""");
        (await StatusAsync(_admin, HttpMethod.Delete, "/v1/accounts/default/users/admin")).ShouldBe(400);
        (await StatusAsync(_admin, HttpMethod.Patch, "/v1/accounts/default/users/admin?updateMask=role", """{"role":"user"}""")).ShouldBe(400);

        using var ann = _host.Client((await _host.CreateKeyAsync("accounts/default/users/ann", """{"scopes":["control"]}""")).Key);
        (await StatusAsync(_admin, HttpMethod.Patch, "/v1/accounts/default/users/admin?updateMask=role", """{"role":"user"}""")).ShouldBe(200);
        (await StatusAsync(ann, HttpMethod.Delete, "/v1/accounts/default/users/admin")).ShouldBe(200);
        using var bobs = _host.Client(bob);
        (await StatusAsync(bobs, HttpMethod.Delete, "/v1/accounts/default/users/ann")).ShouldBe(403);
    }

    [Fact]
    public async Task A_service_account_is_a_user_with_an_address_of_the_servers_choice()
    {
        const string Users = "/v1/accounts/default/users";
        using (var made = await _admin.PostAsync($"{Users}?userId=ci", GatewayHost.Json("""{"role":"user","serviceAccount":true}"""), Cancellation))
        {
            var user = await made.EnsureSuccessStatusCode().Content.ReadFromJsonAsync(ApiJson.Default.UserResource, Cancellation);
            (user!.ServiceAccount, user.Email).ShouldBe((true, "ci@default.sa.stoker.internal"));
        }

        (await _host.CreateKeyAsync("accounts/default/users/ci", "{}")).Email.ShouldBe("ci@default.sa.stoker.internal");
        (await StatusAsync(_admin, HttpMethod.Post, $"{Users}?userId=cd", """{"role":"user","serviceAccount":true,"email":"cd@example.com"}""")).ShouldBe(400);
        (await StatusAsync(_admin, HttpMethod.Post, Users, """{"role":"user","serviceAccount":true}""")).ShouldBe(400); // no ID to be had
        (await StatusAsync(_admin, HttpMethod.Patch, $"{Users}/ci?updateMask=email", """{"email":"ci@example.com"}""")).ShouldBe(400);
        (await StatusAsync(_admin, HttpMethod.Patch, $"{Users}/ci?updateMask=service_account", """{"serviceAccount":false}""")).ShouldBe(400);
        (await StatusAsync(_admin, HttpMethod.Patch, $"{Users}/ci?updateMask=display_name", """{"displayName":"Builds"}""")).ShouldBe(200);
    }

    [Fact]
    public async Task A_service_account_is_not_counted_as_an_admin_who_can_help()
    {
        var ann = await _host.CreateAccountAsync("other"); // someone, an admin
        (await StatusAsync(_admin, HttpMethod.Post, "/v1/accounts/other/users?userId=ci", """{"role":"admin","serviceAccount":true}""")).ShouldBe(200);
        using var someone = _host.Client(ann);

        (await StatusAsync(someone, HttpMethod.Delete, "/v1/accounts/other/users/someone")).ShouldBe(400);
        (await StatusAsync(someone, HttpMethod.Delete, "/v1/accounts/other/users/ci")).ShouldBe(200);
    }

    private static async Task<int> StatusAsync(HttpClient client, HttpMethod method, string path, string? body = null)
    {
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : GatewayHost.Json(body) };
        using var answer = await client.SendAsync(request, Cancellation);
        if (!answer.IsSuccessStatusCode) JsonNode.Parse(await answer.Content.ReadAsStringAsync(Cancellation))!["message"].ShouldNotBeNull();
        return (int)answer.StatusCode;
    }
}
