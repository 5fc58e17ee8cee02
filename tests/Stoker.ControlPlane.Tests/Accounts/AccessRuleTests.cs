using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.ControlPlane.Accounts;

namespace Stoker.ControlPlane.Tests.Accounts;

public class AccessRuleTests
{
    [Theory]
    // caller, method, path, answer
    [InlineData("admin", "GET", "/v1/accounts/mine", null)]
    [InlineData("user", "POST", "/v1/accounts/mine/deployments", null)]
    [InlineData("contributor", "DELETE", "/v1/accounts/mine/models/m", null)]
    [InlineData("inference-user", "GET", "/v1/accounts/theirs/models", Code.NotFound)]
    [InlineData("user", "GET", "/v1/accounts/fireworks/models", null)]
    [InlineData("user", "GET", "/v1/accounts/fireworks/models/m", null)]
    [InlineData("admin", "POST", "/v1/accounts/fireworks/models", Code.PermissionDenied)]
    [InlineData("admin", "POST", "/v1/accounts/fireworks/models/m:validateUpload", Code.PermissionDenied)]
    [InlineData("operator", "POST", "/v1/accounts/fireworks/models", null)]
    [InlineData("admin", "GET", "/v1/accounts/fireworks/deployments", Code.NotFound)]
    [InlineData("operator", "GET", "/v1/accounts/fireworks/deployments", null)] // the serverless tier's, which the platform keeps
    [InlineData("operator", "GET", "/v1/accounts/fireworks/deployments/d", null)]
    [InlineData("operator", "POST", "/v1/accounts/fireworks/deployments", Code.NotFound)]
    [InlineData("operator", "DELETE", "/v1/accounts/fireworks/deployments/d", Code.NotFound)]
    [InlineData("operator", "PATCH", "/v1/accounts/fireworks/deployments/d:scale", Code.NotFound)]
    [InlineData("admin", "GET", "/v1/accounts/fireworks", Code.NotFound)]
    [InlineData("admin", "GET", "/v1/accounts/theirs", Code.NotFound)]
    [InlineData("admin", "GET", "/v1/accounts/theirs/models", Code.NotFound)]
    [InlineData("admin", "POST", "/v1/accounts/theirs/users/u/apiKeys", Code.NotFound)]
    [InlineData("operator", "GET", "/v1/accounts/theirs", null)]
    [InlineData("operator", "POST", "/v1/accounts/theirs/users/u/apiKeys", null)]
    [InlineData("operator", "POST", "/v1/accounts/theirs/reservations", null)]
    [InlineData("operator", "PATCH", "/v1/accounts/theirs/quotas/global--h100-count", null)]
    [InlineData("admin", "GET", "/v1/accounts/theirs/reservations", Code.NotFound)]
    [InlineData("admin", "PATCH", "/v1/accounts/theirs/quotas/global--h100-count", Code.NotFound)]
    [InlineData("operator", "GET", "/v1/accounts/theirs/models", Code.NotFound)]
    [InlineData("operator", "GET", "/V1/ACCOUNTS/theirs/models", Code.NotFound)] // routes do not mind capitals
    [InlineData("operator", "GET", "/v1/accounts/theirs/deployments/d:scale", Code.NotFound)]
    [InlineData("operator", "GET", "/v1/accounts/theirs/", null)]
    public void Lets_through_what_is_the_callers_and_little_else(string caller, string method, string path, Code? expected)
    {
        var problem = AccessRule.Check(Caller(caller), path.Split('/')[3], path, method == "GET");

        (problem?.Code).ShouldBe(expected);
    }

    [Theory]
    [InlineData("/v1/accounts/theirs", "account \"accounts/theirs\" not found")]
    [InlineData("/v1/accounts/theirs/models", "account \"accounts/theirs\" not found")]
    [InlineData("/v1/accounts/theirs/models/m", "model \"accounts/theirs/models/m\" not found")]
    [InlineData("/v1/accounts/theirs/models/m:prepare", "model \"accounts/theirs/models/m\" not found")]
    [InlineData("/v1/accounts/theirs/deployments/d", "deployment \"accounts/theirs/deployments/d\" not found")]
    [InlineData("/v1/accounts/theirs/users/u/apiKeys", "user \"accounts/theirs/users/u\" not found")]
    public void Anothers_resource_is_answered_like_a_missing_one_by_its_asked_name(string path, string message) =>
        AccessRule.Check(Caller("admin"), "theirs", path, isRead: true)!.Message.ShouldBe(message);

    [Fact]
    public void A_route_without_an_account_takes_any_caller() =>
        AccessRule.Check(Caller("inference-user"), null, "/v1/whoami", isRead: true).ShouldBeNull();

    private static Principal Caller(string role) => new(
        AccountName.Parse("accounts/mine"),
        new UserName(ResourceId.Parse("mine"), ResourceId.Parse("u")),
        RoleNames.Parse(role) ?? Role.Admin,
        "k",
        IsOperator: role == "operator");
}
