using System.Net;
using System.Net.Http.Json;
using Microsoft.Extensions.DependencyInjection;
using Stoker.Api;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Storage;
using Stoker.ControlPlane.Tests.Gateway;
using Stoker.Testing;

namespace Stoker.ControlPlane.Tests.Accounts;

public sealed class KeyScopesTests : IAsyncLifetime
{
    private const string Keys = "/v1/accounts/default/users/admin/apiKeys";

    private readonly ManualTime _time = new(new DateTimeOffset(2030, 1, 1, 12, 0, 0, TimeSpan.Zero));
    private GatewayHost _host = null!;
    private HttpClient _admin = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _host = await GatewayHost.StartAsync(_time);
        _admin = _host.Admin();
    }

    public async ValueTask DisposeAsync()
    {
        _admin.Dispose();
        await _host.DisposeAsync();
    }

    [Theory]
    [InlineData("""["inference"]""", "inference", 200, 401)]
    [InlineData("""["control"]""", "control", 401, 200)]
    [InlineData("""["all"]""", "all", 200, 200)]
    [InlineData("""["inference","control"]""", "all", 200, 200)]
    public async Task A_key_opens_what_its_scopes_say(string scopes, string shown, int inference, int control)
    {
        var key = await _host.CreateKeyAsync("accounts/default/users/admin", $$"""{"scopes":{{scopes}}}""");
        key.Scopes.ShouldBe([shown]);
        using var client = _host.Client(key.Key);

        foreach (var (path, status) in ((string, int)[])[("/inference/v1/models", inference), ("/v1/models", inference), ("/inference/v1/no-such-path", inference == 200 ? 404 : 401), ("/v1/accounts", control), ("/v1/accounts/default/users", control)])
        {
            using var answer = await client.GetAsync(path, Cancellation);
            ((int)answer.StatusCode).ShouldBe(status, path);
            if (status != 401) continue;
            answer.Headers.WwwAuthenticate.ToString().ShouldBe("Bearer");
            (await answer.Content.ReadAsStringAsync(Cancellation)).ShouldContain($"has the scope {shown}");
        }

        using var completion = await client.PostAsync("/inference/v1/completions", GatewayHost.Json("""{"model":"m","prompt":"x"}"""), Cancellation);
        ((int)completion.StatusCode).ShouldBe(inference == 200 ? 404 : 401);
        (await client.GetStringAsync("/v1/whoami", Cancellation)).ShouldContain($"\"scopes\":[\"{shown}\"]"); // whoever has a key may ask what it is
    }

    [Fact]
    public async Task A_key_makes_no_key_that_opens_more()
    {
        using var control = _host.Client((await _host.CreateKeyAsync("accounts/default/users/admin", """{"scopes":["control"]}""")).Key);

        (await CreateAsync(control, "{}")).ShouldBe(HttpStatusCode.Forbidden);
        (await CreateAsync(control, """{"scopes":["all"]}""")).ShouldBe(HttpStatusCode.Forbidden);
        (await CreateAsync(control, """{"scopes":["inference"]}""")).ShouldBe(HttpStatusCode.Forbidden);
        (await CreateAsync(control, """{"scopes":["control"]}""")).ShouldBe(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData("""{"scopes":[]}""")]
    [InlineData("""{"scopes":["everything"]}""")]
    [InlineData("""{"scopes":["inference","everything"]}""")]
    [InlineData("""{"scopes":[null]}""")]
    [InlineData("""{"scopes":"inference"}""")]
    [InlineData("""{"lastUsedTime":"2030-01-01T00:00:00Z"}""")]
    [InlineData("""{"key":"fw_mine"}""")]
    [InlineData("""{"user":"accounts/default/users/admin"}""")]
    public async Task A_wrong_wish_is_refused(string key) => (await CreateAsync(_admin, key)).ShouldBe(HttpStatusCode.BadRequest);

    [Fact]
    public async Task An_expired_key_and_a_revoked_one_open_nothing_from_then_on_also_on_an_open_connection()
    {
        var short_ = await _host.CreateKeyAsync("accounts/default/users/admin", """{"expireTime":"2030-01-01T12:10:00Z"}""");
        using var client = _host.Client(short_.Key);
        (await StatusAsync(client)).ShouldBe(HttpStatusCode.OK);
        _time.Advance(TimeSpan.FromMinutes(10));
        (await StatusAsync(client)).ShouldBe(HttpStatusCode.Unauthorized);

        var revoked = await _host.CreateKeyAsync("accounts/default/users/admin", "{}");
        using var other = _host.Client(revoked.Key);
        (await StatusAsync(other)).ShouldBe(HttpStatusCode.OK);
        using (var deleted = await _admin.PostAsync($"{Keys}:delete", GatewayHost.Json($$"""{"keyId":"{{revoked.KeyId}}"}"""), Cancellation)) deleted.EnsureSuccessStatusCode();
        (await StatusAsync(other)).ShouldBe(HttpStatusCode.Unauthorized);

        static async Task<HttpStatusCode> StatusAsync(HttpClient client)
        {
            using var answer = await client.GetAsync("/inference/v1/models", Cancellation);
            return answer.StatusCode;
        }
    }

    [Fact]
    public async Task Last_uses_are_shown_and_kept()
    {
        var key = await _host.CreateKeyAsync("accounts/default/users/admin", "{}");
        (await LastUseAsync(key.KeyId!)).ShouldBeNull();
        _time.Advance(TimeSpan.FromMinutes(5));
        using (var client = _host.Client(key.Key)) await client.GetStringAsync("/v1/whoami", Cancellation);
        (await LastUseAsync(key.KeyId!)).ShouldBe(new DateTimeOffset(2030, 1, 1, 12, 5, 0, TimeSpan.Zero));

        var log = _host.App.Services.GetRequiredService<KeyUseLog>();
        await log.WriteAsync();
        var stored = _host.App.Services.GetRequiredService<SqliteKeyUseStore>();
        var name = $"accounts/default/users/admin/apiKeys/{key.KeyId}";
        stored.List()[name].ShouldBe(new DateTimeOffset(2030, 1, 1, 12, 5, 0, TimeSpan.Zero));
        await stored.WriteAsync([new(name, new DateTimeOffset(2030, 1, 1, 12, 1, 0, TimeSpan.Zero))]); // of another server, and earlier
        stored.List()[name].ShouldBe(new DateTimeOffset(2030, 1, 1, 12, 5, 0, TimeSpan.Zero));

        using (var deleted = await _admin.PostAsync($"{Keys}:delete", GatewayHost.Json($$"""{"keyId":"{{key.KeyId}}"}"""), Cancellation)) deleted.EnsureSuccessStatusCode();
        stored.List().Keys.ShouldNotContain(name);
    }

    [Fact]
    public async Task An_admin_lists_everybodys_keys_with_their_users()
    {
        using var ann = _host.Client(await _host.CreateUserAsync("default", "ann", "user"));

        var all = await _admin.GetFromJsonAsync("/v1/accounts/default/users/-/apiKeys", ApiJson.Default.ListApiKeysResponse, Cancellation);

        all!.ApiKeys.Select(key => key.User).ShouldBe(["accounts/default/users/admin", "accounts/default/users/ann"], ignoreOrder: true);
        using var refused = await ann.GetAsync("/v1/accounts/default/users/-/apiKeys", Cancellation);
        refused.StatusCode.ShouldBe(HttpStatusCode.Forbidden);
    }

    [Fact]
    public void Keys_that_are_older_than_scopes_open_all_and_unknown_scopes_nothing()
    {
        new ApiKeySpec("", "", "", null, null).KeyScopes.ShouldBe(KeyScopes.All);
        new ApiKeySpec("", "", "", null, null, "inference").KeyScopes.ShouldBe(KeyScopes.Inference);
        new ApiKeySpec("", "", "", null, null, "training").KeyScopes.ShouldBeNull();
    }

    private static async Task<HttpStatusCode> CreateAsync(HttpClient client, string key)
    {
        using var answer = await client.PostAsync(Keys, GatewayHost.Json($$"""{"apiKey":{{key}}}"""), Cancellation);
        return answer.StatusCode;
    }

    private async Task<DateTimeOffset?> LastUseAsync(string keyId)
    {
        var keys = await _admin.GetFromJsonAsync(Keys, ApiJson.Default.ListApiKeysResponse, Cancellation);
        return keys!.ApiKeys.Single((ApiKeyResource key) => key.KeyId == keyId).LastUsedTime;
    }
}
