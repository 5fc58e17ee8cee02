using Stoker.Api.Problems;
using Stoker.ControlPlane.Accounts;

namespace Stoker.ControlPlane.Tests.Accounts;

public class RoleTableTests
{
    [Theory]
    [InlineData("admin", "users", false, true)]
    [InlineData("user", "users", false, false)]
    [InlineData("contributor", "users", true, true)]
    [InlineData("inference-user", "users", true, false)]
    [InlineData("user", "deployments", false, true)]
    [InlineData("contributor", "deployments", false, false)]
    [InlineData("contributor", "deployments", true, true)]
    [InlineData("contributor", "models", false, true)]
    [InlineData("inference-user", "models", true, false)]
    [InlineData("user", "auditLogs", true, false)]
    [InlineData("admin", "auditLogs", true, true)]
    [InlineData("user", "", false, false)]
    [InlineData("contributor", "", true, true)]
    [InlineData("user", "something-new", false, false)] // what has no row is changed by admins alone
    [InlineData("contributor", "something-new", true, true)]
    public void A_role_may_what_its_row_says(string role, string collection, bool isRead, bool may)
    {
        var problem = RoleTable.Check(RoleNames.Parse(role)!.Value, collection, isRead);

        (problem is null).ShouldBe(may);
        if (problem is null) return;
        problem.Code.ShouldBe(Code.PermissionDenied);
        problem.Message.ShouldContain(role);
    }

    [Fact]
    public void A_higher_role_may_what_a_lower_one_may()
    {
        string[] collections = ["", "users", "apiKeys", "auditLogs", "models", "deployments", "deployedModels", "quotas", "reservations", "usage", "new"];
        foreach (var collection in collections)
        {
            foreach (var isRead in (bool[])[true, false])
            {
                var allowed = Enum.GetValues<Role>().Order().Select(role => RoleTable.Check(role, collection, isRead) is null).ToList();
                allowed.SequenceEqual(allowed.Order()).ShouldBeTrue($"{collection} {isRead}");
                allowed[^1].ShouldBeTrue($"an admin {collection}");
                allowed[0].ShouldBeFalse($"an inference user {collection}");
            }
        }
    }
}
