using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Autoscaling;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Replicas;

namespace Stoker.ControlPlane.Tests.Deployments;

public class DeploymentSpecTests
{
    private const string Model = "accounts/fireworks/models/story-3m";
    private static readonly DeploymentResource Least = new() { BaseModel = Model };

    [Fact]
    public void A_bare_request_gets_every_default()
    {
        var spec = From(Least);
        (spec.MinReplicas, spec.MaxReplicas).ShouldBe((0, 1));
        spec.Scaling.ShouldBe(new ScalingPolicy(TimeSpan.FromSeconds(30), TimeSpan.FromMinutes(10), TimeSpan.FromHours(1)));
        (spec.AcceleratorType, spec.AcceleratorCount).ShouldBe((AcceleratorType.Cpu, 1));
        spec.Placement.ShouldBe(PlacementRule.Global);
        spec.Precision.ShouldBe(Precision.PrecisionUnspecified);
        (spec.MaxContextLength, spec.NgramSpeculationLength, spec.EnableAddons, spec.LongPrompt).ShouldBe((0, 0, false, false));
        (spec.DisplayName, spec.Description, spec.DraftModel, spec.DraftTokenCount).ShouldBe((null, null, null, null));
    }

    [Fact]
    public void What_is_held_follows_the_server_unless_the_deployment_says_otherwise()
    {
        From(Least).Hold.ShouldBe(HoldLimits.Default);
        From(Hold(requests: 0, bytes: 0, timeout: "")).Hold.ShouldBe(HoldLimits.Default); // as in proto3, absent
        var own = From(Hold(requests: 5, timeout: "90s"));
        own.Hold.ShouldBe(new HoldLimits(5, null, TimeSpan.FromSeconds(90)));
        From(own.ToResource()).Hold.ShouldBe(own.Hold);
        From(Hold(bytes: 1_024)).ToResource().StokerHold!.MaxBytes.ShouldBe(1_024);
    }

    [Fact]
    public void Broken_streams_go_on_unless_the_deployment_says_otherwise()
    {
        From(Least).ToResource().StokerBrokenStreams.ShouldBeNull();
        foreach (var absent in new[] { null, "", "BROKEN_STREAMS_UNSPECIFIED", "RESUME" })
        {
            From(Least with { StokerBrokenStreams = absent }).BrokenStreams.ShouldBe(BrokenStreams.Resume);
        }

        var error = From(Least with { StokerBrokenStreams = "ERROR" });
        error.BrokenStreams.ShouldBe(BrokenStreams.Error);
        From(error.ToResource()).BrokenStreams.ShouldBe(BrokenStreams.Error);
        error.RunsAs(From(Least)).ShouldBeTrue(); // no replica is replaced for it
    }

    private static DeploymentResource Hold(int? requests = null, long? bytes = null, string? timeout = null) =>
        Least with { StokerHold = new() { MaxRequests = requests, MaxBytes = bytes, Timeout = timeout } };

    [Theory]
    [InlineData(null, null, 0, 1)]
    [InlineData(0, null, 0, 1)]
    [InlineData(1, null, 1, 1)]
    [InlineData(3, null, 3, 3)]
    [InlineData(null, 2, 0, 2)]
    [InlineData(2, 2, 2, 2)]
    [InlineData(0, 0, 0, 0)] // parked
    [InlineData(null, 0, 0, 0)]
    public void Replica_counts_default_to_each_other(int? min, int? max, int expectedMin, int expectedMax)
    {
        var spec = From(Least with { MinReplicaCount = min, MaxReplicaCount = max });
        (spec.MinReplicas, spec.MaxReplicas).ShouldBe((expectedMin, expectedMax));
    }

    public static TheoryData<string, DeploymentResource, string, string> Refused => new()
    {
        { "no model", Least with { BaseModel = null }, "base_model", "is required" },
        { "empty model", Least with { BaseModel = "" }, "base_model", "is required" },
        { "no name", Least with { BaseModel = "models/x" }, "base_model", "no valid name" },
        { "other collection", Least with { BaseModel = "accounts/a/deployments/x" }, "base_model", "no valid name" },
        { "long display name", Least with { DisplayName = new string('x', 64) }, "display_name", "fewer than 64 characters, has 64" },
        { "long description", Least with { Description = new string('x', 1000) }, "description", "fewer than 1000 characters, has 1000" },
        { "hold no request", Hold(requests: -1), "stoker_hold.max_requests", "from 1 to 100000, was -1" },
        { "hold too many", Hold(requests: 100_001), "stoker_hold.max_requests", "from 1 to 100000, was 100001" },
        { "hold too few bytes", Hold(bytes: 1_023), "stoker_hold.max_bytes", "from 1024 to 1099511627776, was 1023" },
        { "hold too many bytes", Hold(bytes: long.MaxValue), "stoker_hold.max_bytes", "was 9223372036854775807" },
        { "hold too short", Hold(timeout: "0.5s"), "stoker_hold.timeout", "from 1s to 24h0m0s, was 500ms" },
        { "hold too long", Hold(timeout: "24h0m1s"), "stoker_hold.timeout", "was 24h0m1s" },
        { "hold backwards", Hold(timeout: "-1s"), "stoker_hold.timeout", "must not be negative" },
        { "broken streams", Least with { StokerBrokenStreams = "resume" }, "stoker_broken_streams", "must be one of RESUME, ERROR, was 'resume'" },
        { "addons in memory of a deployment without any", Least with { StokerMaxLoadedAddons = 4 }, "stoker_max_loaded_addons", "needs enable_addons: set that, or leave this out" },
        { "too many addons in memory", Least with { StokerMaxLoadedAddons = 1025, EnableAddons = true }, "stoker_max_loaded_addons", "must be at most 1024, was 1025" },
        { "fewer than no addons in memory", Least with { StokerMaxLoadedAddons = -1, EnableAddons = true }, "stoker_max_loaded_addons", "must be at least 0, was -1" },
        { "unknown KV precision", Least with { StokerKvPrecision = "FP4" }, "stoker_kv_precision", "must be one of BF16, FP8, was 'FP4'" },
        { "KV precision in small letters", Least with { StokerKvPrecision = "fp8" }, "stoker_kv_precision", "was 'fp8'" },
        { "FP8 KV cache on A100", Least with { StokerKvPrecision = "FP8", AcceleratorType = "NVIDIA_A100_80GB" }, "stoker_kv_precision", "NVIDIA_H100_80GB and CPU, not on NVIDIA_A100_80GB" },
        { "hold nonsense", Hold(timeout: "long"), "stoker_hold.timeout", "was 'long'" },
        { "negative min", Least with { MinReplicaCount = -1 }, "min_replica_count", "at least 0, was -1" },
        { "negative max", Least with { MaxReplicaCount = -2 }, "max_replica_count", "at least 0, was -2" },
        { "absurd min", Least with { MinReplicaCount = int.MaxValue }, "min_replica_count", "at most 1000, was 2147483647" },
        { "absurd max", Least with { MaxReplicaCount = 1001 }, "max_replica_count", "at most 1000, was 1001" },
        { "min above max", Least with { MinReplicaCount = 3, MaxReplicaCount = 2 }, "max_replica_count", "at least min_replica_count, which is 3, was 2" },
        { "parked with min", Least with { MinReplicaCount = 1, MaxReplicaCount = 0 }, "max_replica_count", "parks the deployment" },
        { "up too long", Windows(up: "1h1s"), "autoscaling_policy.scale_up_window", "at most 1h0m0s, was 1h0m1s" },
        { "down too long", Windows(down: "3601s"), "autoscaling_policy.scale_down_window", "at most 1h0m0s, was 1h0m1s" },
        { "to zero too short", Windows(toZero: "299.9s"), "autoscaling_policy.scale_to_zero_window", "at least 5m0s, was 4m59.9s" },
        { "up negative", Windows(up: "-1s"), "autoscaling_policy.scale_up_window", "not be negative" },
        { "down negative", Windows(down: "-0.1s"), "autoscaling_policy.scale_down_window", "not be negative" },
        { "to zero negative", Windows(toZero: "-5m"), "autoscaling_policy.scale_to_zero_window", "not be negative" },
        { "to zero negative with a minimum", Windows(toZero: "-5m") with { MinReplicaCount = 1 }, "autoscaling_policy.scale_to_zero_window", "not be negative" },
        { "no unit", Windows(up: "30"), "autoscaling_policy.scale_up_window", "was '30'" },
        { "no duration", Windows(down: "soon"), "autoscaling_policy.scale_down_window", "a duration such as" },
        { "overflow", Windows(toZero: "9999999999999h"), "autoscaling_policy.scale_to_zero_window", "a duration such as" },
        { "load target key", Targets("cpu", 0.5), "autoscaling_policy.load_targets", "key 'cpu', allowed are default" },
        { "load target zero", Targets("default", 0), "autoscaling_policy.load_targets", "above 0" },
        { "load target nan", Targets("requests_per_second", double.NaN), "autoscaling_policy.load_targets", "above 0" },
        { "load share above one", Targets("default", 1.01), "autoscaling_policy.load_targets", "at most 1" },
        { "unknown type", Least with { AcceleratorType = "TPU" }, "accelerator_type", "one of CPU, NVIDIA_A100_80GB" },
        { "type in small letters", Least with { AcceleratorType = "cpu" }, "accelerator_type", "was 'cpu'" },
        { "negative count", Least with { AcceleratorCount = -1 }, "accelerator_count", "at least 0, was -1" },
        { "one for long prompts", Least with { AutoTune = new() { LongPrompt = true }, AcceleratorCount = 1 }, "accelerator_count", "at least 2" },
        { "unknown precision", Least with { Precision = "INT3" }, "precision", "one of FP16, FP8, FP4, BF16, INT8, was 'INT3'" },
        { "precision by number", Least with { Precision = "1" }, "precision", "was '1'" },
        { "negative context", Least with { MaxContextLength = -1 }, "max_context_length", "at least 0" },
        { "negative n-gram", Least with { NgramSpeculationLength = -3 }, "ngram_speculation_length", "at least 0" },
        { "negative draft count", Least with { DraftTokenCount = -1 }, "draft_token_count", "at least 0" },
        { "draft without count", Least with { DraftModel = "story-draft-400k" }, "draft_token_count", "must be set with draft_model" },
        { "n-gram without count", Least with { NgramSpeculationLength = 3 }, "draft_token_count", "must be set with ngram_speculation_length" },
        {
            "draft and n-gram", Least with { DraftModel = "story-draft-400k", NgramSpeculationLength = 3, DraftTokenCount = 4 },
            "ngram_speculation_length", "together with draft_model"
        },
        { "draft name", Least with { DraftModel = "../x", DraftTokenCount = 4 }, "draft_model", "accounts/ACCOUNT/models/ID" },
        { "empty placement", Least with { Placement = new() }, "placement", "exactly one of region, multi_region and regions, 0 are set" },
        { "two placements", Least with { Placement = new() { Region = "LOCAL", MultiRegion = "GLOBAL" } }, "placement", "2 are set" },
        { "three placements", Least with { Placement = new() { Region = "LOCAL", MultiRegion = "US", Regions = ["LOCAL"] } }, "placement", "3 are set" },
        { "unknown group", Least with { Placement = new() { MultiRegion = "MOON" } }, "placement.multi_region", "one of GLOBAL, US, EUROPE, APAC" },
        { "bad region", Least with { Placement = new() { Region = "us-iowa-1" } }, "placement.region", "1-63 characters of A-Z" },
        { "bad regions", Least with { Placement = new() { Regions = ["LOCAL", "!"] } }, "placement.regions", "was '!'" },
        { "region twice", Least with { Placement = new() { Regions = ["LOCAL", "LOCAL"] } }, "placement.regions", "twice" },
        { "FP8 on A100", Least with { Precision = "FP8", AcceleratorType = "NVIDIA_A100_80GB" }, "precision", "NVIDIA_H100_80GB and CPU, not on NVIDIA_A100_80GB" },
        { "FP8 variant on H200", Least with { Precision = "FP8_MM_V2", AcceleratorType = "NVIDIA_H200_141GB" }, "precision", "FP8_MM_V2 is not supported" },
        { "INT8 on H100", Least with { Precision = "INT8", AcceleratorType = "NVIDIA_H100_80GB" }, "precision", "INT8 runs on CPU" },
        { "addons in FP8", Least with { Precision = "FP8", EnableAddons = true, AcceleratorType = "NVIDIA_H100_80GB" }, "enable_addons", "addons cannot be enabled with quantized precisions (FP8/FP4)" },
        { "addons in FP4", Least with { Precision = "FP4", EnableAddons = true, AcceleratorType = "NVIDIA_A100_80GB" }, "enable_addons", "addons cannot be enabled with quantized precisions (FP8/FP4)" },
        { "direct route type", Least with { DirectRouteType = "CARRIER_PIGEON" }, "direct_route_type", "one of INTERNET" },
        { "direct route anywhere", Least with { DirectRouteType = "INTERNET" }, "direct_route_type", "is not available yet, leave it out (it needs a placement.region too" },
        { "direct route key", Least with { DirectRouteApiKeys = ["ok1", "not ok"] }, "direct_route_api_keys", "letters and digits" },
        { "bucket type", Least with { HotLoadBucketType = "FLOPPY" }, "hot_load_bucket_type", "one of MINIO" },
        { "revocable below max", Least with { MaxReplicaCount = 3, MaxWithRevocableReplicaCount = 2 }, "max_with_revocable_replica_count", "at least max_replica_count, which is 3" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void A_broken_field_rule_is_named_with_what_was_seen(string rule, DeploymentResource asked, string field, string description)
    {
        var problem = DeploymentSpec.From(asked, AcceleratorType.Cpu).Problem.ShouldNotBeNull(rule);
        problem.Code.ShouldBe(Code.InvalidArgument);
        problem.Violations.ShouldContain(violation => violation.Field == field && violation.Description.Contains(description), problem.Message);
    }

    [Fact]
    public void The_KV_cache_has_16_bits_unless_the_deployment_says_otherwise()
    {
        From(Least).ToResource().StokerKvPrecision.ShouldBeNull();
        foreach (var absent in new[] { null, "", "KV_PRECISION_UNSPECIFIED", "BF16" })
        {
            From(Least with { StokerKvPrecision = absent }).RunsAs(From(Least)).ShouldBeTrue(absent);
        }

        var small = From(Least with { StokerKvPrecision = "FP8" });
        (small.KvPrecision, small.ToResource().StokerKvPrecision).ShouldBe((KvPrecision.Fp8, "FP8"));
        small.RunsAs(From(Least)).ShouldBeFalse();
    }

    public static TheoryData<string, DeploymentResource> Accepted => new()
    {
        { "longest names", Least with { DisplayName = new string('ä', 63), Description = new string('x', 999) } },
        { "63 characters outside the BMP", Least with { DisplayName = string.Concat(Enumerable.Repeat("🙂", 63)) } },
        { "longest windows", Windows(up: "1h", down: "3600s", toZero: "8760h") },
        { "shortest windows", Windows(up: "0s", down: "0s", toZero: "5m") },
        { "Go syntax", Windows(up: "1m30s", down: "0.5h", toZero: "1h30m") },
        { "short way to zero is ignored with a minimum", Windows(toZero: "1s") with { MinReplicaCount = 1 } },
        { "all load targets", Targets("tokens_generated_per_second", 1e9) },
        { "FP8 on H100", Least with { Precision = "FP8", AcceleratorType = "NVIDIA_H100_80GB" } },
        { "FP8 on CPU", Least with { Precision = "FP8" } },
        { "FP4 on A100", Least with { Precision = "FP4", AcceleratorType = "NVIDIA_A100_80GB" } },
        { "FP8 KV cache on H100", Least with { StokerKvPrecision = "FP8", AcceleratorType = "NVIDIA_H100_80GB" } },
        { "BF16 KV cache anywhere", Least with { StokerKvPrecision = "BF16", AcceleratorType = "NVIDIA_A100_80GB" } },
        { "addons in BF16", Least with { Precision = "BF16", EnableAddons = true } },
        { "addons in FP8 on CPU", Least with { Precision = "FP8", EnableAddons = true, AcceleratorType = "CPU" } },
        { "drafts off", Least with { DraftTokenCount = 0 } },
        { "draft with count", Least with { DraftModel = "accounts/fireworks/models/story-draft-400k", DraftTokenCount = 4 } },
        { "n-gram with count", Least with { NgramSpeculationLength = 3, DraftTokenCount = 4 } },
        { "long prompt on two", Least with { AutoTune = new() { LongPrompt = true }, AcceleratorCount = 2 } },
        { "unspecified everywhere", Least with { AcceleratorType = "ACCELERATOR_TYPE_UNSPECIFIED", Precision = "PRECISION_UNSPECIFIED", DirectRouteType = "DIRECT_ROUTE_TYPE_UNSPECIFIED", HotLoadBucketType = "BUCKET_TYPE_UNSPECIFIED" } },
        { "direct route in a region", Least with { DirectRouteType = "INTERNET", Placement = new() { Region = "US_IOWA_1" }, DirectRouteApiKeys = ["abc1"] } },
    };

    [Theory]
    [MemberData(nameof(Accepted))]
    public void What_the_rules_allow_passes_at_its_edge(string rule, DeploymentResource asked) =>
        DeploymentSpec.From(asked, AcceleratorType.Cpu).Problem.ShouldBeNull(rule);

    [Fact]
    public void All_broken_rules_are_told_at_once()
    {
        var problem = DeploymentSpec.From(
            new() { MinReplicaCount = -1, Precision = "X", Placement = new(), AutoscalingPolicy = new() { ScaleUpWindow = "x" } },
            AcceleratorType.Cpu).Problem.ShouldNotBeNull();
        problem.Violations.Select(violation => violation.Field).ShouldBe(
            ["base_model", "min_replica_count", "autoscaling_policy.scale_up_window", "precision", "placement"], ignoreOrder: true);
    }

    [Fact]
    public void A_direct_route_key_is_never_shown() => DeploymentSpec.From(Least with { DirectRouteApiKeys = ["se cret"] }, AcceleratorType.Cpu)
        .Problem.ShouldNotBeNull().ToString().ShouldNotContain("se cret");

    [Theory]
    [InlineData(false, null, 1)]
    [InlineData(false, 3, 3)]
    [InlineData(true, null, 2)] // twice the usual count
    [InlineData(true, 4, 4)]
    public void Long_prompts_double_the_count_that_is_not_given(bool longPrompt, int? count, int expected) =>
        From(Least with { AutoTune = new() { LongPrompt = longPrompt }, AcceleratorCount = count }).AcceleratorCount.ShouldBe(expected);

    [Fact]
    public void The_default_type_is_the_one_of_the_inventory() =>
        DeploymentSpec.From(Least, AcceleratorType.H100).Value.AcceleratorType.ShouldBe(AcceleratorType.H100);

    [Fact]
    public void Model_and_placement_cannot_change()
    {
        var current = From(Least with { Placement = new() { Region = "LOCAL" } });
        var problem = DeploymentSpec.From(
            new() { BaseModel = "accounts/fireworks/models/other", Placement = new() { MultiRegion = "GLOBAL" } }, AcceleratorType.Cpu, current)
            .Problem.ShouldNotBeNull();
        problem.Violations.Select(violation => violation.Field).ShouldBe(["base_model", "placement"]);
        DeploymentSpec.From(current.ToResource() with { AcceleratorCount = 2 }, AcceleratorType.Cpu, current).Problem.ShouldBeNull();
    }

    [Fact]
    public void A_short_way_to_zero_that_was_ignored_comes_up_when_the_minimum_falls_to_zero()
    {
        var current = From(Windows(toZero: "1s") with { MinReplicaCount = 1 });
        var fallen = current.ToResource() with { MinReplicaCount = 0 };
        DeploymentSpec.From(fallen, AcceleratorType.Cpu, current).Problem.ShouldNotBeNull().Message.ShouldContain("scale_to_zero_window");
    }

    [Fact]
    public void What_is_written_reads_as_the_same_spec() => Prop.ForAll(AnyRequest().ToArbitrary(), asked =>
    {
        if (!DeploymentSpec.From(asked, AcceleratorType.Cpu).TryGet(out var spec, out _)) return true;
        var again = DeploymentSpec.From(spec.ToResource(), AcceleratorType.H100, spec).Value;
        return again.ToResource() with { AutoscalingPolicy = null, Placement = null } == spec.ToResource() with { AutoscalingPolicy = null, Placement = null }
            && again.Scaling == spec.Scaling && again.Placement == spec.Placement && again.RunsAs(spec);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_spec_holds_its_bounds_whatever_was_asked() => Prop.ForAll(AnyRequest().ToArbitrary(), asked =>
        !DeploymentSpec.From(asked, AcceleratorType.Cpu).TryGet(out var spec, out var problem)
            ? problem.Code == Code.InvalidArgument && problem.Violations.Count > 0
            : spec.MinReplicas >= 0 && spec.MaxReplicas >= spec.MinReplicas && spec.AcceleratorCount >= 1
                && spec.Scaling.UpWindow <= ScalingPolicy.LongestWindow && spec.Scaling.DownWindow <= ScalingPolicy.LongestWindow
                && (spec.MinReplicas > 0 || spec.Scaling.ToZeroWindow >= ScalingPolicy.ShortestToZeroWindow)).QuickCheckThrowOnFailure();

    private static Gen<DeploymentResource> AnyRequest() =>
        from min in Gen.Choose(-1, 4)
        from max in Gen.Choose(-1, 4)
        from count in Gen.Choose(-1, 4)
        from seconds in Gen.Choose(-10, 4000)
        from windows in Gen.Choose(0, 1)
        from draft in Gen.Elements<int?>(null, 0, 4)
        from ngram in Gen.Elements<int?>(null, 0, 3)
        from precision in Gen.Elements<string?>(null, "FP8", "BF16", "FP16", "nonsense")
        from cache in Gen.Elements<string?>(null, "FP8", "BF16", "nonsense")
        from region in Gen.Elements<string?>(null, "LOCAL", "US_IOWA_1", "x")
        select Least with
        {
            MinReplicaCount = min == 4 ? null : min,
            MaxReplicaCount = max == 4 ? null : max,
            AcceleratorCount = count,
            AutoscalingPolicy = windows == 0 ? null : new() { ScaleUpWindow = Seconds(seconds), ScaleDownWindow = Seconds(seconds / 2), ScaleToZeroWindow = Seconds(seconds * 2) },
            DraftTokenCount = draft,
            NgramSpeculationLength = ngram,
            Precision = precision,
            StokerKvPrecision = cache,
            Placement = region is null ? null : new() { Region = region },
        };

    [Fact]
    public void Addons_in_memory_are_as_many_as_engines_have_unless_others_are_asked_for()
    {
        var addons = Least with { EnableAddons = true };
        foreach (var usual in (int?[])[null, 0, 16]) From(addons with { StokerMaxLoadedAddons = usual }).RunsAs(From(addons)).ShouldBeTrue();
        var many = From(addons with { StokerMaxLoadedAddons = 64 });
        many.RunsAs(From(addons)).ShouldBeFalse();
        (many.ToResource().StokerMaxLoadedAddons, many.ReplicaSettings.Over(addons).StokerMaxLoadedAddons).ShouldBe((64, 64));
        From(many.ToResource()).RunsAs(many).ShouldBeTrue();
        (DeploymentCapacity.LoadedAddons(From(Least)), DeploymentCapacity.LoadedAddons(From(addons)), DeploymentCapacity.LoadedAddons(many)).ShouldBe((0, 16, 64));
    }

    private static string Seconds(int seconds) => seconds.ToString(CultureInfo.InvariantCulture) + "s";

    private static DeploymentResource Windows(string? up = null, string? down = null, string? toZero = null) =>
        Least with { AutoscalingPolicy = new() { ScaleUpWindow = up, ScaleDownWindow = down, ScaleToZeroWindow = toZero } };

    private static DeploymentResource Targets(string key, double value) =>
        Least with { AutoscalingPolicy = new() { LoadTargets = new Dictionary<string, double> { [key] = value } } };

    private static DeploymentSpec From(DeploymentResource asked) =>
        DeploymentSpec.From(asked, AcceleratorType.Cpu).Value;
}
