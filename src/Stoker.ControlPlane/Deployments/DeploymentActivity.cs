using Stoker.Api.Problems;
using Stoker.Api.Resources;

namespace Stoker.ControlPlane.Deployments;

/// <summary>
/// What the rules know and the platform does not do yet: asked for, it is refused by name, never accepted and ignored.
/// A feature that becomes active loses its line here.
/// </summary>
public static class DeploymentActivity
{
    public static Problem? Inactive(DeploymentResource asked)
    {
        var inactive = new List<Violation>();
        When(IsSet(asked.DeploymentShape), "deployment_shape", "needs shapes");
        When(IsSet(asked.DeploymentTemplate), "deployment_template", "needs shapes");
        When(asked.MaxWithRevocableReplicaCount is > 0, "max_with_revocable_replica_count", "needs revocable capacity");
        When(asked.EnableSessionAffinity == true, "enable_session_affinity", "needs routing that follows sessions");
        When(IsSet(asked.DirectRouteType, "DIRECT_ROUTE_TYPE_UNSPECIFIED"), "direct_route_type", "needs direct routes");
        When(asked.DirectRouteApiKeys is { Count: > 0 }, "direct_route_api_keys", "need direct routes");
        When(IsSet(asked.DirectRouteHandle), "direct_route_handle", "needs direct routes");
        When(IsSet(asked.Cluster), "cluster", "needs clusters of one's own");
        When(asked.EnableMtp == true, "enable_mtp", "needs multi-token prediction");
        When(asked.EnableHotReloadLatestAddon == true, "enable_hot_reload_latest_addon", "needs merged addons that change while they serve: deploy the addon itself (live merge), or set enable_addons");
        When(asked.EnableHotLoad == true, "enable_hot_load", "needs hot loading of weights");
        When(IsSet(asked.HotLoadBucketType, "BUCKET_TYPE_UNSPECIFIED"), "hot_load_bucket_type", "needs hot loading of weights");
        When(IsSet(asked.HotLoadBucketUrl), "hot_load_bucket_url", "needs hot loading of weights");
        When(IsSet(asked.ActiveModelVersion), "active_model_version", "needs model versions");
        When(IsSet(asked.TargetModelVersion), "target_model_version", "needs model versions");
        When(IsSet(asked.PricingPlanId), "pricing_plan_id", "needs pricing plans");
        When(asked.ExpireTime is not null, "expire_time", "has no effect any more on the hosted platform and none here: delete the deployment instead");
        return inactive.Count == 0 ? null : ToProblem(inactive);

        void When(bool wanted, string field, string why)
        {
            if (wanted) inactive.Add(new(field, why));
        }
    }

    /// <summary>Query flags of the hosted surface that would promise something here.</summary>
    public static Problem InactiveParameter(string name, string why) =>
        ToProblem([new(name, why)]);

    private static bool IsSet(string? text, string unspecified = "") => !string.IsNullOrEmpty(text) && text != unspecified;

    private static Problem ToProblem(IReadOnlyList<Violation> inactive) => new(
        Code.Unimplemented,
        "Not available yet, leave out: " + string.Join("; ", inactive.Select(item => $"{item.Field} {item.Description}")),
        inactive);
}
