using System.Text.Json.Nodes;

namespace Firectl.Tests.Accounts;

public class AccountVerbsTests
{
    private const string User = """{"name":"accounts/team/users/ann","role":"user","email":"ann@example.com"}""";

    private const string Key = """{"keyId":"k2","displayName":"ci","key":"fw_secret","scopes":["inference"],"user":"accounts/team/users/ci"}""";

    [Theory]
    [InlineData("create user -a team --email ann@example.com", "POST /v1/accounts/team/users", """{"email":"ann@example.com","role":"user"}""")]
    [InlineData("user create -a team --user-id ann --role admin --display-name Ann", "POST /v1/accounts/team/users?userId=ann", """{"displayName":"Ann","role":"admin"}""")]
    [InlineData("create user -a team --user-id ci --service-account --role inference-user", "POST /v1/accounts/team/users?userId=ci", """{"role":"inference-user","serviceAccount":true}""")]
    [InlineData("update user ann -a team --role contributor", "PATCH /v1/accounts/team/users/ann?updateMask=role", """{"role":"contributor"}""")]
    [InlineData("user update accounts/team/users/ann --display-name Ann --email a@example.com", "PATCH /v1/accounts/team/users/ann?updateMask=display_name%2Cemail", """{"displayName":"Ann","email":"a@example.com"}""")]
    public async Task A_user_is_made_and_changed_by_what_was_given(string command, string request, string body)
    {
        using var run = new FirectlRun().Answer(request, User);
        (await run.RunAsync(command)).ShouldBe(0, run.Errors);
        JsonNode.DeepEquals(JsonNode.Parse(run.Sent.Single().Body), JsonNode.Parse(body)).ShouldBeTrue(run.Sent[0].Body);
        run.Output.ShouldContain("Role: user\n");
    }

    [Fact]
    public async Task Users_are_shown_listed_and_deleted()
    {
        using var run = new FirectlRun()
            .Answer("GET /v1/accounts/team/users/ann", User)
            .Answer("GET /v1/accounts/team/users?pageSize=50", $$"""{"users":[{{User}}],"totalSize":1}""")
            .Answer("DELETE /v1/accounts/team/users/ann", "{}");
        (await run.RunAsync("get user ann -a team")).ShouldBe(0, run.Errors);
        (await run.RunAsync("list users -a team")).ShouldBe(0, run.Errors);
        run.Output.ShouldContain("accounts/team/users/ann  user  ann@example.com");
        (await run.RunAsync("delete user ann -a team")).ShouldBe(0, run.Errors);
        run.Errors.ShouldContain("Deleted accounts/team/users/ann and revoked its keys");
        (await run.RunAsync("update user ann -a team")).ShouldBe(2);
        run.Errors.ShouldContain("nothing to change");
    }

    [Theory]
    [InlineData("create api-key --key-name ci --scopes inference --service-account ci -a team", "ci", """{"apiKey":{"displayName":"ci","scopes":["inference"]}}""")]
    [InlineData("api-key create --scopes inference,control --user accounts/team/users/ann --expire-time 2031-01-01", "ann", """{"apiKey":{"expireTime":"2031-01-01T00:00:00+00:00","scopes":["inference","control"]}}""")]
    public async Task A_key_is_made_with_its_scopes_for_its_user(string command, string user, string body)
    {
        using var run = new FirectlRun().Answer($"POST /v1/accounts/team/users/{user}/apiKeys", Key);
        (await run.RunAsync(command)).ShouldBe(0, run.Errors);
        JsonNode.DeepEquals(JsonNode.Parse(run.Sent.Single().Body), JsonNode.Parse(body)).ShouldBeTrue(run.Sent[0].Body);
        run.Output.ShouldContain("fw_secret");
        run.Errors.ShouldContain("shown this once");
    }

    [Fact]
    public async Task Keys_of_everybody_are_listed_with_users_scopes_and_last_uses()
    {
        using var run = new FirectlRun().Answer("GET /v1/accounts/team/users/-/apiKeys?pageSize=50", """
            {"apiKeys":[{"keyId":"k2","displayName":"ci","prefix":"fw_abcde","user":"accounts/team/users/ci","scopes":["inference"],"lastUsedTime":"2030-01-01T00:00:00Z"}],"totalSize":1}
            """);
        (await run.RunAsync("list api-keys --all-users -a team")).ShouldBe(0, run.Errors);
        run.Output.ShouldContain("k2      ci    fw_abcde  accounts/team/users/ci  inference");
        run.Output.ShouldContain("2030-01-01 00:00:00");
        (await run.RunAsync("list api-keys --all-users --user ann -a team")).ShouldBe(2);
        (await run.RunAsync("create api-key --service-account ci --user ann -a team")).ShouldBe(2);
    }

    [Fact]
    public async Task Audit_logs_are_listed_by_time_and_address()
    {
        using var run = new FirectlRun().Answer(
            "GET /v1/accounts/team/auditLogs?startTime=2030-01-01T00%3A00%3A00Z&endTime=2030-02-01T12%3A00%3A00Z&email=ann%40example.com&pageSize=50",
            """
            {"auditLogs":[{"id":"1","timestamp":"2030-01-02T00:00:00Z","principal":"accounts/team/users/ann","method":"CreateDeployment",
             "resource":"accounts/team/deployments/d","status":{"code":"OK","message":""},"isAdminAction":false,"keyId":"k1","remoteAddress":"192.0.2.7"}],"totalSize":1}
            """);
        (await run.RunAsync("list", "audit-logs", "-a", "team", "--start-time", "2030-01-01", "--end-time", "2030-02-01 12:00:00", "--email", "ann@example.com")).ShouldBe(0, run.Errors);
        run.Output.Split('\n')[0].ShouldBe("TIME                 PRINCIPAL                METHOD            RESOURCE                     STATUS  FROM       KEY");
        run.Output.Split('\n')[1].ShouldBe("2030-01-02 00:00:00  accounts/team/users/ann  CreateDeployment  accounts/team/deployments/d  OK      192.0.2.7  k1");
        (await run.RunAsync("audit-log", "list", "-a", "team", "--start-time", "soon")).ShouldBe(2);
    }
}
