using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Resources;

namespace Stoker.ControlPlane.Tests.Resources;

public class FieldMaskTests
{
    private static readonly UpdatableFields Fields = new(
        ["display_name", "description", "min_replica_count", "autoscaling_policy"], ["state", "update_time"]);

    private static readonly DeploymentResource Current = new()
    {
        BaseModel = "accounts/a/models/m",
        DisplayName = "old",
        Description = "text",
        MinReplicaCount = 2,
        State = "READY",
        AutoscalingPolicy = new() { ScaleUpWindow = "30s", ScaleDownWindow = "600s" },
    };

    [Fact]
    public void A_mask_takes_its_fields_from_the_patch_and_no_others()
    {
        var result = Apply(new() { DisplayName = "new", Description = "lost" }, "display_name").Value;

        result.ShouldBe(Current with { DisplayName = "new", AutoscalingPolicy = result.AutoscalingPolicy });
        result.AutoscalingPolicy.ShouldBe(Current.AutoscalingPolicy);
    }

    [Fact]
    public void A_masked_field_that_the_patch_lacks_goes_back_to_its_default() =>
        Apply(new(), "display_name,min_replica_count").Value.ShouldSatisfyAllConditions(
            result => result.DisplayName.ShouldBeNull(),
            result => result.MinReplicaCount.ShouldBeNull(),
            result => result.Description.ShouldBe("text"));

    [Fact]
    public void Without_a_mask_the_fields_of_the_body_are_meant() =>
        Apply(new() { DisplayName = "new" }, null).Value.ShouldSatisfyAllConditions(
            result => result.DisplayName.ShouldBe("new"),
            result => result.Description.ShouldBe("text"),
            result => result.MinReplicaCount.ShouldBe(2));

    [Fact]
    public void Without_a_mask_an_object_keeps_what_the_body_does_not_say_of_it_and_a_map_is_taken_whole()
    {
        var current = Current with { AutoscalingPolicy = Current.AutoscalingPolicy! with { LoadTargets = new Dictionary<string, double> { ["default"] = 0.5 } } };
        var patch = new DeploymentResource
        {
            AutoscalingPolicy = new() { ScaleUpWindow = "60s", LoadTargets = new Dictionary<string, double> { ["requests_per_second"] = 3 } },
        };

        var policy = FieldMask.Apply(current, patch, null, WireJson.Context.DeploymentResource, Fields).Value.AutoscalingPolicy!;
        (policy.ScaleUpWindow, policy.ScaleDownWindow).ShouldBe(("60s", "600s"));
        policy.LoadTargets!.Keys.ShouldBe(["requests_per_second"]);
        Apply(new() { AutoscalingPolicy = new() }, null).Value.AutoscalingPolicy.ShouldBe(Current.AutoscalingPolicy);
    }

    [Fact]
    public void A_star_means_all_that_may_change()
    {
        var result = Apply(new() { DisplayName = "new" }, "*").Value;

        (result.DisplayName, result.Description, result.MinReplicaCount, result.AutoscalingPolicy).ShouldBe(("new", null, null, null));
        (result.BaseModel, result.State).ShouldBe((Current.BaseModel, Current.State));
    }

    [Theory]
    [InlineData("autoscaling_policy.scale_up_window")]
    [InlineData("autoscalingPolicy.scaleUpWindow")]
    [InlineData(" autoscaling_policy.scale_up_window ")]
    public void A_path_reaches_into_an_object(string mask)
    {
        var policy = Apply(new() { AutoscalingPolicy = new() { ScaleUpWindow = "60s", ScaleDownWindow = "1s" } }, mask).Value.AutoscalingPolicy!;

        (policy.ScaleUpWindow, policy.ScaleDownWindow).ShouldBe(("60s", "600s"));
    }

    [Fact]
    public void A_path_makes_the_object_that_it_reaches_into()
    {
        var patch = new DeploymentResource { AutoscalingPolicy = new() { LoadTargets = new Dictionary<string, double> { ["default"] = 0.5 } } };

        var result = FieldMask.Apply(
            Current with { AutoscalingPolicy = null }, patch, "autoscaling_policy.load_targets.default", WireJson.Context.DeploymentResource, Fields);

        result.Value.AutoscalingPolicy!.LoadTargets!["default"].ShouldBe(0.5);
    }

    [Theory]
    [InlineData("nosuch", "unknown field 'nosuch'")]
    [InlineData("display_name.x", "unknown field 'display_name.x'")]
    [InlineData("display_name,,description", "unknown field ''")]
    [InlineData("DISPLAY_NAME", "unknown field 'DISPLAY_NAME'")]
    [InlineData("display_name;description", "unknown field")]
    [InlineData("a.b.c.d.e.f.g.h.i.j", "unknown field")]
    public void An_unknown_path_is_refused_by_name(string mask, string reason)
    {
        var problem = Apply(new(), mask).Problem!;

        (problem.Code, problem.Violations.Single().Field).ShouldBe((Code.InvalidArgument, "update_mask"));
        problem.Message.ShouldContain(reason);
    }

    [Fact]
    public void A_hostile_mask_is_refused()
    {
        Apply(new(), new string('a', 100_000)).Problem!.Message.Length.ShouldBeLessThan(2_000);
        Apply(new(), string.Join(',', Enumerable.Repeat("display_name", 201))).Problem!.Message.ShouldContain("at most 200");
    }

    [Theory]
    [InlineData(null)]
    [InlineData("base_model")]
    public void A_fixed_field_may_be_repeated_and_not_changed(string? mask)
    {
        Apply(new() { BaseModel = Current.BaseModel }, mask).Value.BaseModel.ShouldBe(Current.BaseModel);
        var problem = Apply(new() { BaseModel = "accounts/a/models/other" }, mask).Problem!;
        (problem.Code, problem.Message).ShouldBe((Code.InvalidArgument, "base_model cannot be changed after creation"));
    }

    [Fact]
    public void A_servers_field_is_ignored_in_a_body_and_refused_in_a_mask()
    {
        Apply(new() { State = "FAILED", DisplayName = "new" }, null).Value.State.ShouldBe("READY");
        Apply(new() { State = "FAILED" }, "state").Problem!.Message.ShouldBe("state is set by the server and cannot be changed");
    }

    [Fact]
    public void What_a_get_shows_beyond_the_record_is_not_taken_into_it()
    {
        var shown = Current with { MaxContextLength = 512 };
        var fields = new UpdatableFields([.. Fields.Mutable, "max_context_length"], Fields.OutputOnly);

        DeploymentResource Patched(DeploymentResource patch) =>
            FieldMask.Apply(Current, patch, null, WireJson.Context.DeploymentResource, fields, shown).Value;

        Patched(shown with { DisplayName = "new" }).MaxContextLength.ShouldBeNull();
        Patched(shown with { MaxContextLength = 256 }).MaxContextLength.ShouldBe(256);
    }

    private static Result<DeploymentResource> Apply(DeploymentResource patch, string? mask) =>
        FieldMask.Apply(Current, patch, mask, WireJson.Context.DeploymentResource, Fields);
}
