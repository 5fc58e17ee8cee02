using Stoker.Api.Names;
using Stoker.ControlPlane.Gateway;
using Stoker.ControlPlane.Routing;
using Stoker.ControlPlane.Tests.Routing;

namespace Stoker.ControlPlane.Tests.Gateway;

/// <summary>What is told of a wait for an addon, and what of one for a replica.</summary>
public class HoldErrorsTests
{
    private const string Zog = "accounts/default/models/zog";
    private static readonly HoldBounds Bounds = new(10, 100, TimeSpan.FromMinutes(1));
    private static readonly AccountName Owner = AccountName.Parse("accounts/default");

    [Fact]
    public void Ready_replicas_that_lack_the_addon_are_no_cold_start()
    {
        var loading = Routes.To(Inference.Deployment, Inference.Model, Routes.Replica("one")).With(Zog).To(ModelName.Parse(Zog))!;
        var error = HoldErrors.TimedOut(loading, Bounds, default, Owner);
        (error.Status, error.Code).ShouldBe((503, "ADDON_LOADING"));
        error.Message.ShouldStartWith($"{Zog} was not loaded on deployment {Inference.Deployment} within 1m0s, the longest");
        error.Message.ShouldContain("firectl get deployed-model zog-");
        HoldErrors.Rejected(loading, default, Owner).Code.ShouldBe("ADDON_LOADING");
        HoldErrors.Full(HoldRefusal.Count, loading, Bounds, default).Message.ShouldContain($"is still loading {Zog}, and 10 requests for addons wait already");
        HoldErrors.Full(HoldRefusal.Bytes, loading, Bounds, default).Message.ShouldContain("more than 100 bytes of requests for addons would wait");
    }

    [Fact]
    public void Without_a_replica_it_is_a_cold_start_for_addons_too()
    {
        var route = Routes.To(Inference.Deployment, Inference.Model).With(Zog);
        foreach (var cold in new[] { route, route.To(ModelName.Parse(Zog))! })
        {
            HoldErrors.TimedOut(cold, Bounds, default, Owner).Code.ShouldBe("DEPLOYMENT_SCALING_UP");
            HoldErrors.Rejected(cold, default, Owner).Code.ShouldBe("DEPLOYMENT_SCALING_UP");
            HoldErrors.Full(HoldRefusal.Count, cold, Bounds, default).Message.ShouldContain("has no replica for the request yet, and 10 requests ");
        }
    }
}
