using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Models;

namespace Stoker.ControlPlane.Tests.Deployments;

public class DeploymentRulesTests
{
    private static readonly DeploymentResource Least = new() { BaseModel = "accounts/fireworks/models/story-3m" };
    private static readonly Inventory TwoCores = new([new(Region.Local, AcceleratorType.Cpu, 2, [0, 1], 1 << 30)]);

    public static readonly Model Story = new(
        ModelName.Parse("accounts/fireworks/models/story-3m"), ModelKind.HfBaseModel, ModelState.Ready, Status: null, Folder: "/models/story-3m",
        ContextLength: 1024, ParameterCount: 3_000_000, Moe: false, SupportedPrecisions: [Precision.Bf16], BaseModel: null, DefaultDraftModel: null,
        DefaultDraftTokenCount: null, Public: true, SupportsChat: true);

    [Fact]
    public void A_draft_head_cannot_be_deployed_alone()
    {
        var problem = DeploymentRules.ForModel(Spec(Least), Story with { Kind = ModelKind.DraftAddon, BaseModel = Story.Name }).ShouldNotBeNull();
        problem.Code.ShouldBe(Code.InvalidArgument);
        problem.Violations.ShouldContain(violation => violation.Field == "base_model");
    }

    [Theory]
    [InlineData(ModelKind.HfBaseModel, null)]
    [InlineData(ModelKind.CustomModel, null)]
    [InlineData(ModelKind.EmbeddingModel, Code.Unimplemented)]
    [InlineData(ModelKind.FluminaBaseModel, Code.Unimplemented)]
    [InlineData(ModelKind.HfTeftAddon, Code.Unimplemented)]
    [InlineData(ModelKind.SnapshotModel, Code.Unimplemented)]
    public void Other_kinds_are_refused_by_name(ModelKind kind, Code? expected) =>
        (DeploymentRules.ForModel(Spec(Least), Story with { Kind = kind })?.Code).ShouldBe(expected);

    [Theory]
    [InlineData(true, "AMD_MI300X_192GB", false)]
    [InlineData(false, "AMD_MI300X_192GB", true)]
    [InlineData(true, "NVIDIA_H100_80GB", true)]
    [InlineData(true, "CPU", true)]
    public void Mixtures_of_experts_do_not_run_on_MI300X(bool moe, string type, bool allowed)
    {
        var problem = DeploymentRules.ForModel(Spec(Least with { AcceleratorType = type }), Story with { Moe = moe });
        (problem is null).ShouldBe(allowed);
        if (!allowed) problem!.Violations.ShouldContain(violation => violation.Field == "accelerator_type");
    }

    [Fact]
    public void Each_precision_runs_where_it_can_and_names_without_a_meaning_nowhere()
    {
        foreach (var precision in Enum.GetValues<Precision>())
        {
            foreach (var type in AcceleratorType.All)
            {
                var asked = Least with { Precision = ControlPlane.Resources.WireEnum.TextOf(precision), AcceleratorType = type.Name };
                var allowed = precision switch
                {
                    Precision.PrecisionUnspecified or Precision.Fp16 or Precision.Bf16 or Precision.Fp4 => true,
                    Precision.Fp8 => type == AcceleratorType.H100 || type == AcceleratorType.Cpu,
                    Precision.Int8 => type == AcceleratorType.Cpu,
                    _ => false,
                };
                var problem = DeploymentSpec.From(asked, AcceleratorType.Cpu).Problem;
                (problem is null).ShouldBe(allowed, $"{precision} on {type}: {problem?.Message}");
            }
        }
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(1024, true)]
    [InlineData(1025, false)]
    public void The_context_is_at_most_the_models(int length, bool allowed)
    {
        var problem = DeploymentRules.ForModel(Spec(Least with { MaxContextLength = length }), Story);
        (problem is null).ShouldBe(allowed);
        if (!allowed) problem!.Message.ShouldBe("max_context_length must be at most the model's 1024, was 1025");
    }

    [Fact]
    public void Addons_need_a_model_that_takes_them() => DeploymentRules.ForModel(Spec(Least with { EnableAddons = true }), Story)
        .ShouldNotBeNull().Message.ShouldContain("addons are not supported for this model");

    [Fact]
    public void A_model_without_weights_says_how_to_get_them()
    {
        var problem = DeploymentRules.Startable(Spec(Least), Story with { Folder = null, State = ModelState.Uploading }).ShouldNotBeNull();
        problem.Code.ShouldBe(Code.FailedPrecondition);
        problem.Message.ShouldContain("firectl upload model accounts/fireworks/models/story-3m PATH");
    }

    [Theory]
    [InlineData("FP16", true)]
    [InlineData("BF16", true)]
    [InlineData(null, true)]
    [InlineData("FP8", false)]
    public void A_precision_has_to_be_prepared_unless_it_means_as_stored(string? precision, bool startable) =>
        (DeploymentRules.Startable(Spec(Least with { Precision = precision }), Story)?.Code).ShouldBe(startable ? null : Code.FailedPrecondition);

    [Theory]
    [InlineData("FP16", false)] // no 16-bit checkpoint is there
    [InlineData(null, true)]
    [InlineData("FP8", true)]
    public void A_model_that_is_stored_in_FP8_runs_in_that(string? precision, bool startable) =>
        (DeploymentRules.Startable(Spec(Least with { Precision = precision }), Story with { SupportedPrecisions = [Precision.Fp8] }) is null).ShouldBe(startable);

    [Theory]
    [InlineData("BF16")]
    [InlineData("FP16")]
    [InlineData("INT8")]
    [InlineData("FP4")]
    public void A_model_that_is_stored_in_FP8_is_not_sent_to_be_prepared(string asked) =>
        DeploymentRules.Startable(Spec(Least with { Precision = asked }), Story with { SupportedPrecisions = [Precision.Fp8] }).ShouldNotBeNull()
            .ShouldSatisfyAllConditions(
                problem => problem.Code.ShouldBe(Code.FailedPrecondition),
                problem => problem.Message.ShouldContain($"is stored in FP8 and runs in nothing else, asked for was {asked}: deploy it without --precision, or upload its 16-bit checkpoint"),
                problem => problem.Message.ShouldNotContain("prepare"));

    [Fact]
    public void A_draft_that_is_stored_quantised_runs_where_its_target_could_in_that_precision()
    {
        foreach (var stored in Precisions.Preparable)
        {
            var draft = Story with { Name = Stoker.Api.Names.ModelName.Parse("accounts/fireworks/models/draft"), SupportedPrecisions = [stored] };
            foreach (var type in AcceleratorType.All)
            {
                var asked = Least with { AcceleratorType = type.Name };
                var byName = DeploymentSpec.From(asked with { Precision = ControlPlane.Resources.WireEnum.TextOf(stored) }, AcceleratorType.Cpu).Problem;
                var drafts = Spec(asked with { DraftModel = draft.Name.ToString(), DraftTokenCount = 4 });
                var problem = DeploymentRules.ForModel(drafts, Story, draft: draft);
                (problem?.Violations.Single().Field).ShouldBe(byName is null ? null : "draft_model", $"{stored} on {type}");
                problem?.Message.ShouldContain("draft model precision validation failed");
                DeploymentRules.ForModel(drafts, Story, current: drafts, draft: draft).ShouldBeNull(); // what runs so already is not questioned again
            }
        }
    }

    [Fact]
    public void What_is_stored_quantised_runs_where_it_could_be_asked_for()
    {
        foreach (var stored in Precisions.Preparable)
        {
            var model = Story with { SupportedPrecisions = [stored], SupportsLora = true };
            foreach (var type in AcceleratorType.All)
            {
                foreach (var addons in (bool[])[false, true])
                {
                    var asked = Least with { AcceleratorType = type.Name, EnableAddons = addons };
                    var byName = DeploymentSpec.From(asked with { Precision = ControlPlane.Resources.WireEnum.TextOf(stored) }, AcceleratorType.Cpu).Problem;
                    var unasked = DeploymentRules.ForModel(Spec(asked), model);
                    (unasked?.Violations.Select(violation => violation.Field)).ShouldBe(byName?.Violations.Select(violation => violation.Field), $"{stored} on {type}, addons {addons}");
                    unasked?.Message.ShouldContain($"{Story.Name} is stored in {ControlPlane.Resources.WireEnum.TextOf(stored)}");
                }
            }
        }
    }

    [Fact]
    public void A_deployment_from_before_that_runs_what_is_refused_now_can_still_be_changed_in_other_ways()
    {
        var (codes, running) = (Story with { SupportedPrecisions = [Precision.Fp8] }, Least with { AcceleratorType = "NVIDIA_A100_80GB" });
        DeploymentRules.ForModel(Spec(running with { DisplayName = "Other" }), codes, Spec(running)).ShouldBeNull();
        DeploymentRules.ForModel(Spec(running with { MaxContextLength = 512 }), codes, Spec(running)).ShouldNotBeNull().Message.ShouldContain("FP8 runs on NVIDIA_H100_80GB and CPU, not on NVIDIA_A100_80GB");
    }

    [Fact]
    public void Who_is_not_prepared_is_told_the_command() =>
        DeploymentRules.Startable(Spec(Least with { Precision = "FP4" }), Story).ShouldNotBeNull()
            .Message.ShouldContain("`firectl prepare-model accounts/fireworks/models/story-3m --precision FP4 --wait`");

    [Theory]
    [InlineData(null, 1, null, null)]
    [InlineData("CPU", 2, null, null)]
    [InlineData("CPU", 3, null, "accelerator_count")]
    [InlineData("NVIDIA_H100_80GB", 1, null, "accelerator_type")]
    [InlineData("CPU", 1, "US_IOWA_1", "placement")]
    public void What_no_region_can_ever_hold_is_refused_with_what_there_is(string? type, int count, string? region, string? field)
    {
        var spec = Spec(Least with { AcceleratorType = type, AcceleratorCount = count, Placement = region is null ? null : new() { Region = region } });
        var problem = DeploymentRules.ForInventory(spec, TwoCores);
        if (field is null)
        {
            problem.ShouldBeNull();
            return;
        }

        problem.ShouldNotBeNull().Code.ShouldBe(Code.InvalidArgument);
        problem.Violations.Single().Field.ShouldBe(field);
        problem.Message.ShouldContain("there is 2 CPU in LOCAL");
    }

    [Fact]
    public void Another_type_has_to_be_there_where_the_deployment_runs()
    {
        var inventory = new Inventory([.. TwoCores.Pools, new(Region.Parse("US_IOWA_1"), AcceleratorType.H100, 8, [], 1L << 36)]);
        var spec = Spec(Least with { AcceleratorType = "NVIDIA_H100_80GB" });
        DeploymentRules.ForInventory(spec, inventory).ShouldBeNull();
        DeploymentRules.ForInventory(spec, inventory, Region.Local).ShouldNotBeNull().Message.ShouldContain("create another deployment to run elsewhere");
    }

    public static TheoryData<string, DeploymentResource> NotActive => new()
    {
        { "deployment_shape", Least with { DeploymentShape = "accounts/fireworks/deploymentShapes/x" } },
        { "deployment_template", Least with { DeploymentTemplate = "x" } },
        { "max_with_revocable_replica_count", Least with { MaxWithRevocableReplicaCount = 1 } },
        { "enable_session_affinity", Least with { EnableSessionAffinity = true } },
        { "direct_route_type", Least with { DirectRouteType = "INTERNET", Placement = new() { Region = "LOCAL" } } },
        { "direct_route_api_keys", Least with { DirectRouteApiKeys = ["a"] } },
        { "direct_route_handle", Least with { DirectRouteHandle = "a" } },
        { "cluster", Least with { Cluster = "mine" } },
        { "enable_mtp", Least with { EnableMtp = true } },
        { "enable_hot_reload_latest_addon", Least with { EnableHotReloadLatestAddon = true } },
        { "enable_hot_load", Least with { EnableHotLoad = true } },
        { "hot_load_bucket_type", Least with { HotLoadBucketType = "S3" } },
        { "hot_load_bucket_url", Least with { HotLoadBucketUrl = "s3://x" } },
        { "active_model_version", Least with { ActiveModelVersion = "1" } },
        { "target_model_version", Least with { TargetModelVersion = "1" } },
        { "pricing_plan_id", Least with { PricingPlanId = "x" } },
        { "expire_time", Least with { ExpireTime = new(2030, 1, 1, 0, 0, 0, TimeSpan.Zero) } },
    };

    [Theory]
    [MemberData(nameof(NotActive))]
    public void What_is_not_active_yet_is_refused_by_name(string field, DeploymentResource asked)
    {
        var problem = DeploymentActivity.Inactive(asked).ShouldNotBeNull();
        problem.Code.ShouldBe(Code.Unimplemented);
        problem.Violations.Select(violation => violation.Field).ShouldContain(field);
        problem.Message.ShouldContain(field);
    }

    [Fact]
    public void Every_field_a_user_may_set_is_active_or_refused()
    {
        // One that is neither would be accepted and ignored. The active ones show in the answer.
        string[] active =
        [
            "base_model", "display_name", "description", "min_replica_count", "max_replica_count", "autoscaling_policy", "accelerator_count",
            "accelerator_type", "precision", "placement", "max_context_length", "draft_token_count", "ngram_speculation_length", "draft_model", "auto_tune",
            "enable_addons", "stoker_hold", "stoker_broken_streams", "stoker_kv_precision", "stoker_max_loaded_addons", "disable_deployment_size_validation",
        ];
        var refused = NotActive.Select(row => row.Data.Item1.Split('.')[0]);
        string[] outputs = [.. DeploymentRules.Updatable.OutputOnly, "region"];
        var all = typeof(DeploymentResource).GetProperties().Select(property => System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name));
        all.Except(active).Except(refused).Except(outputs).ShouldBeEmpty();
        DeploymentRules.Updatable.Mutable.Except(active).Except(refused).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("FP16")]
    [InlineData("BF16")]
    [InlineData(null)]
    public void What_is_active_passes(string? precision)
    {
        var asked = Least with { MinReplicaCount = 2, Precision = precision, EnableAddons = true, DraftTokenCount = 0, AcceleratorCount = 2, MaxContextLength = 100 };
        DeploymentActivity.Inactive(asked).ShouldBeNull();
    }

    [Fact]
    public void A_create_body_may_hold_what_a_get_gave_but_no_wish_that_would_be_lost()
    {
        var violations = new Violations();
        DeploymentRules.CreateBody(new() { State = "READY", CreateTime = DateTimeOffset.UnixEpoch, ReplicaCount = 1 }, violations);
        violations.Any.ShouldBeFalse();
        DeploymentRules.CreateBody(new() { Name = "accounts/a/deployments/x", Region = "LOCAL" }, violations);
        violations.Items.Select(violation => violation.Field).ShouldBe(["name", "region"]);
    }

    private static DeploymentSpec Spec(DeploymentResource asked) => DeploymentSpec.From(asked, AcceleratorType.Cpu).Value;
}
