using System.Text.Json.Nodes;
using Stoker.EndToEnd.Tests.Harness;

namespace Stoker.EndToEnd.Tests.BadInput;

/// <summary>Keys that open nothing, and what belongs to others.</summary>
public class CallerTests(DeployedServer deployed) : IClassFixture<DeployedServer>
{
    private const string Completions = "/inference/v1/completions";

    private StokerServerProcess Server => deployed.Server;

    [Theory]
    [InlineData("Authorization:")]
    [InlineData("Authorization: Bearer fw_0123456789012345678901234567890123456789012")]
    [InlineData("Authorization: Bearer ")]
    [InlineData("Authorization: Basic YWRtaW46YWRtaW4=")]
    public async Task Without_a_right_key_every_answer_is_the_same_401(string header)
    {
        var inference = await RawHttp.PostAsync(Server, Completions, "{{{", header);
        inference.Status.ShouldBe(401);
        inference.Json["error"]!["code"]!.GetValue<string>().ShouldBe("UNAUTHORIZED");
        var management = await RawHttp.SendAsync(Server, "GET", "/v1/accounts/default/deployments/d", null, header);
        management.Status.ShouldBe(401);
        var missing = await RawHttp.SendAsync(Server, "GET", "/v1/accounts/default/deployments/none", null, header);
        missing.Comparable.ShouldBe(management.Comparable);
    }

    [Fact]
    public async Task A_revoked_key_opens_nothing_on_either_plane_from_then_on()
    {
        var created = await RawHttp.PostAsync(Server, "/v1/accounts/default/users/admin/apiKeys", """{"apiKey":{"displayName":"short-lived"}}""");
        var header = $"Authorization: Bearer {created.Json["key"]!.GetValue<string>()}";
        (await AskAsync(DeployedServer.Deployment, header)).Status.ShouldBe(200);
        (await RawHttp.SendAsync(Server, "GET", "/v1/whoami", null, header)).Status.ShouldBe(200);

        var body = new JsonObject { ["keyId"] = created.Json["keyId"]!.GetValue<string>() };
        (await RawHttp.PostAsync(Server, "/v1/accounts/default/users/admin/apiKeys:delete", body.ToJsonString())).Status.ShouldBe(200);
        (await AskAsync(DeployedServer.Deployment, header)).Status.ShouldBe(401);
        (await RawHttp.SendAsync(Server, "GET", "/v1/whoami", null, header)).Status.ShouldBe(401);
    }

    [Fact]
    public async Task Anothers_resources_and_missing_ones_give_equal_answers()
    {
        // The stranger has an account of its own, with the same rights as we have in ours.
        (await RawHttp.PostAsync(Server, "/v1/accounts?accountId=stranger", "{}")).Status.ShouldBe(200);
        var user = await RawHttp.PostAsync(Server, "/v1/accounts/stranger/users?userId=eve", """{"role":"admin"}""");
        user.Status.ShouldBe(200, user.Text);
        var key = await RawHttp.PostAsync(Server, "/v1/accounts/stranger/users/eve/apiKeys", """{"apiKey":{"displayName":"eve"}}""");
        var stranger = $"Authorization: Bearer {key.Json["key"]!.GetValue<string>()}";

        (await AskAsync(DeployedServer.Deployment, stranger)).Comparable.ShouldBe((await AskAsync("accounts/default/deployments/e", stranger)).Comparable);
        (await AskAsync(StokerServerProcess.Address("d"), stranger)).Comparable.ShouldBe((await AskAsync(StokerServerProcess.Address("e"), stranger)).Comparable);
        foreach (var (method, suffix) in new[] { ("GET", ""), ("DELETE", ""), ("PATCH", ""), ("PATCH", ":scale"), ("GET", ":explain"), ("POST", ":undelete") })
        {
            var there = await RawHttp.SendAsync(Server, method, $"/v1/accounts/default/deployments/d{suffix}", "{}"u8.ToArray(), stranger);
            var missing = await RawHttp.SendAsync(Server, method, $"/v1/accounts/default/deployments/e{suffix}", "{}"u8.ToArray(), stranger);
            there.Status.ShouldBe(404, $"{method} {suffix}: {there.Text}");
            there.Comparable.Replace("deployments/d", "deployments/e").ShouldBe(missing.Comparable);
        }

        var account = await RawHttp.SendAsync(Server, "GET", "/v1/accounts/default", null, stranger);
        var none = await RawHttp.SendAsync(Server, "GET", "/v1/accounts/another", null, stranger);
        account.Comparable.ShouldBe(none.Comparable.Replace("accounts/another", "accounts/default"));
        await deployed.ShouldBeSoundAsync();
    }

    private Task<RawAnswer> AskAsync(string model, string header) =>
        RawHttp.PostAsync(Server, Completions, $$"""{"model":"{{model}}","prompt":"Once","max_tokens":1}""", header);
}
