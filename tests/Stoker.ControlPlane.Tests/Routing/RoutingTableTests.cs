using Stoker.Api.Names;
using Stoker.ControlPlane.Routing;
using static Stoker.ControlPlane.Tests.Routing.Routes;

namespace Stoker.ControlPlane.Tests.Routing;

public class RoutingTableTests
{
    private const string Library = "accounts/fireworks/models/story-3m";
    private static readonly AccountName Mine = AccountName.Parse("accounts/mine");

    [Theory]
    [InlineData("accounts/mine/deployments/d")]
    [InlineData("accounts/fireworks/models/story-3m#accounts/mine/deployments/d")]
    [InlineData("fireworks/story-3m#mine/d")]
    [InlineData("accounts/fireworks/models/story-3m")]
    [InlineData("fireworks/story-3m")]
    public void Every_form_leads_to_the_deployment(string name) =>
        Find(name, To("accounts/mine/deployments/d", Library)).ShouldBe("accounts/mine/deployments/d");

    [Theory]
    [InlineData("accounts/mine/deployments/other")]
    [InlineData("accounts/theirs/deployments/d")] // exists, and is not the caller's
    [InlineData("fireworks/story-3m#theirs/d")]
    [InlineData("fireworks/other#mine/d")] // the halves do not fit
    [InlineData("mine/story-3m")] // of that name, but not that model
    [InlineData("mine/d")] // a deployment has no such shorthand of its own
    public void Names_of_nothing_or_of_others_lead_nowhere(string name) =>
        Find(name, To("accounts/mine/deployments/d", Library), To("accounts/theirs/deployments/d", Library)).ShouldBeNull();

    [Fact]
    public void A_model_alone_leads_to_the_callers_oldest_deployment_of_it()
    {
        Route[] routes =
        [
            To("accounts/mine/deployments/a", Library) with { CreateTime = Noon.AddHours(2) },
            To("accounts/mine/deployments/b", Library) with { CreateTime = Noon.AddHours(1) },
            To("accounts/theirs/deployments/c", Library),
            To("accounts/mine/deployments/d", "accounts/mine/models/m"),
        ];

        Find(Library, routes).ShouldBe("accounts/mine/deployments/b");
        Find(Library, [.. routes.Where(route => route.Name.Deployment.ToString() != "b")]).ShouldBe("accounts/mine/deployments/a");
        routes[1] = routes[1] with { Waiting = Waiting.Deleting };
        Find(Library, routes).ShouldBe("accounts/mine/deployments/a");
    }

    [Fact]
    public void An_account_lists_its_own_deployments_only()
    {
        var table = new RoutingTable([To("accounts/mine/deployments/a", Library), To("accounts/theirs/deployments/b", Library)]);

        table.Of(Mine).ShouldHaveSingleItem().Name.ToString().ShouldBe("accounts/mine/deployments/a");
        table.Of(AccountName.Parse("accounts/nobody")).ShouldBeEmpty();
    }

    [Fact]
    public void Without_a_deployment_of_ones_own_a_models_name_alone_leads_to_the_serverless_tier()
    {
        var shared = To("accounts/fireworks/deployments/story-3m", Library);

        Find(Library, shared).ShouldBe("accounts/fireworks/deployments/story-3m");
        Find("fireworks/story-3m", shared).ShouldBe("accounts/fireworks/deployments/story-3m");
        Find(Library, shared, To("accounts/mine/deployments/d", Library)).ShouldBe("accounts/mine/deployments/d");
        Find(Library, shared, To("accounts/theirs/deployments/d", Library)).ShouldBe("accounts/fireworks/deployments/story-3m");
        Find("fireworks/other", shared).ShouldBeNull();
    }

    [Theory]
    [InlineData("accounts/fireworks/deployments/story-3m")]
    [InlineData("fireworks/story-3m#fireworks/story-3m")]
    public void The_platforms_deployments_have_no_other_name_for_tenants(string name) =>
        Find(name, To("accounts/fireworks/deployments/story-3m", Library)).ShouldBeNull();

    [Fact]
    public void The_serverless_tier_lists_what_its_names_lead_to()
    {
        var (shared, other) = (To("accounts/fireworks/deployments/story-3m", Library), To("accounts/fireworks/deployments/m", "accounts/fireworks/models/m"));
        var table = new RoutingTable([shared, other, To("accounts/mine/deployments/d", Library)]);

        table.SharedFor(Mine).ShouldBe([other]);
        table.SharedFor(AccountName.Parse("accounts/theirs")).ShouldBe([other, shared]);
    }

    private static string? Find(string name, params IReadOnlyList<Route> routes) =>
        new RoutingTable(routes).Find(Mine, ModelReference.Parse(name)!)?.Name.ToString();
}
