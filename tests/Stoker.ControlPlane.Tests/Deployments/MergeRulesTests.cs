using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Models;

namespace Stoker.ControlPlane.Tests.Deployments;

/// <summary>Deployments of an addon (live merge): what is refused, whose limits hold, what replicas are started with.</summary>
public sealed class MergeRulesTests : IAsyncDisposable
{
    private const string Library = "accounts/fireworks/models/";
    private const string Quantized = "invalid deployment: addons cannot be enabled with quantized precisions (FP8/FP4)";
    private static readonly DeploymentResource Least = new() { BaseModel = "zog", MinReplicaCount = 1 };
    private static readonly Region Iowa = Region.Parse("US_IOWA_1");

    private readonly DeploymentWorld _world = new(new Inventory(
    [
        new(Region.Local, AcceleratorType.Cpu, 2, [], 1 << 30), new(Iowa, AcceleratorType.H100, 16, [], 1 << 30) { EmulatedBy = Inventory.Simulated },
        new(Iowa, AcceleratorType.A100, 16, [], 1 << 30) { EmulatedBy = "stoker" },
    ]));

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task The_replica_gets_the_files_of_both_and_the_addons_name()
    {
        await AddAsync();
        await _world.CreateAsync("d", Least);
        var deployment = await _world.GetAsync("d");
        deployment.ToResource().BaseModel.ShouldBe(Library + "zog");
        var replica = _world.Runtime.Running.Single();
        (replica.ModelFolder, replica.MergeAddonFolder, replica.ServedModelName).ShouldBe(("/models/story-3m", "/models/zog", Library + "zog"));
        (replica.ContextLength, replica.EnableAddons, replica.Precision).ShouldBe((1024, false, null)); // the base's length: the addon has none
        await _world.PassAsync(5);
        (await _world.GetAsync("d")).Status.State.ShouldBe(DeploymentState.Ready);
    }

    [Fact]
    public async Task Other_addons_cannot_be_switched_on_later_and_an_update_keeps_the_addon()
    {
        await AddAsync();
        await _world.CreateAsync("d", Least);
        (await _world.TryUpdateAsync("d", new() { EnableAddons = true })).Problem.ShouldNotBeNull().Violations.Single().Field.ShouldBe("enable_addons");
        await _world.UpdateAsync("d", new() { Precision = "INT8" });
        await _world.PassAsync(60);
        var replica = _world.Runtime.Running.Single();
        (replica.Revision, replica.Precision, replica.ModelFolder, replica.MergeAddonFolder).ShouldBe((2, "int8", "/models/story-3m", "/models/zog"));
    }

    [Fact]
    public async Task A_base_model_is_merged_with_nothing()
    {
        await AddAsync();
        await _world.CreateAsync("d", Least with { BaseModel = "story-3m" });
        _world.Runtime.Running.Single().MergeAddonFolder.ShouldBeNull();
    }

    [Theory]
    [InlineData(256, 0, 256)]
    [InlineData(256, 128, 128)]
    [InlineData(4096, 0, 1024)] // never more than the base's
    public async Task An_addon_whose_owner_gave_it_a_shorter_context_has_that(int own, int asked, int expected)
    {
        await AddAsync(addon: new() { ContextLength = own });
        await _world.CreateAsync("d", Least with { MaxContextLength = asked });
        _world.Runtime.Running.Single().ContextLength.ShouldBe(expected);
        (await _world.TryUpdateAsync("d", new() { MaxContextLength = expected + 1024 })).Problem.ShouldNotBeNull().Violations.Single().Field.ShouldBe("max_context_length");
    }

    [Fact]
    public async Task The_bases_weights_decide_how_many_accelerators_are_needed()
    {
        await AddAsync(parameters: 70_000_000_000);
        (await _world.TryCreateAsync("few", Least with { AcceleratorType = "NVIDIA_H100_80GB", AcceleratorCount = 1 })).Problem.ShouldNotBeNull()
            .Message.ShouldContain($"{Library}story-3m needs 140");
        (await _world.TryCreateAsync("d", Least with { AcceleratorType = "NVIDIA_H100_80GB" }, validateOnly: true)).Value.Spec.AcceleratorCount.ShouldBe(2);
    }

    public static TheoryData<string, DeploymentResource, Code, string?, string> Wrong => new()
    {
        { "other addons beside it", Least with { EnableAddons = true }, Code.InvalidArgument, "enable_addons", "cannot be set with an addon as base_model" },
        { "too high a rank", Least with { BaseModel = "wide" }, Code.InvalidArgument, "base_model", "has rank 65, and addons of rank 64 at most are merged" },
        { "an addon without files", Least with { BaseModel = "empty" }, Code.FailedPrecondition, null, $"firectl upload model {Library}empty PATH" },
        { "a base without files", Least with { BaseModel = "baseless" }, Code.FailedPrecondition, null, $"baseless is an addon, and its base model {Library}unfilled has no weights here yet" },
        { "a base that is gone", Least with { BaseModel = "orphan" }, Code.FailedPrecondition, null, $"orphan is an addon of {Library}nobody, which is not here" },
        { "a base that takes none", Least with { BaseModel = "foreign" }, Code.InvalidArgument, "base_model", $"addons are not supported for {Library}closed" },
        { "FP8 on a GPU", Least with { Precision = "FP8", AcceleratorType = "NVIDIA_H100_80GB" }, Code.InvalidArgument, "precision", Quantized },
        { "FP4 on a GPU", Least with { Precision = "FP4", AcceleratorType = "NVIDIA_A100_80GB" }, Code.InvalidArgument, "precision", Quantized },
        { "a base stored in FP8 on a GPU", Least with { BaseModel = "of-codes", AcceleratorType = "NVIDIA_A100_80GB" }, Code.InvalidArgument, "precision", Quantized },
        { "a second rounding", Least with { BaseModel = "of-codes", Precision = "FP4" }, Code.FailedPrecondition, null, $"{Library}codes, the base of {Library}of-codes, is stored in FP8" },
        { "16 bits of a base without them", Least with { BaseModel = "of-codes", Precision = "BF16" }, Code.FailedPrecondition, null, "leave the precision out" },
        { "too long a context", Least with { MaxContextLength = 1025 }, Code.InvalidArgument, "max_context_length", "at most the model's 1024" },
        { "an addon of another kind", Least with { BaseModel = "teft" }, Code.Unimplemented, null, "HF_TEFT_ADDON" },
        { "the hot reload of addons", Least with { EnableHotReloadLatestAddon = true }, Code.Unimplemented, "enable_hot_reload_latest_addon", "deploy the addon itself (live merge)" },
        { "a draft of other words", Least with { DraftModel = "other-words", DraftTokenCount = 4 }, Code.InvalidArgument, "draft_model", $"has another vocabulary than {Library}story-3m" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public async Task What_cannot_be_merged_is_refused_with_the_reason(string what, DeploymentResource asked, Code code, string? field, string reason)
    {
        await AddAsync();
        await AddonAsync("wide", rank: 65);
        await AddonAsync("empty", ready: false);
        await _world.AddModelAsync("unfilled", ready: false);
        await AddonAsync("baseless", of: "unfilled");
        await AddonAsync("orphan", of: "nobody");
        await _world.AddModelAsync("closed", seen: inspection => inspection with { SupportsLora = false });
        await AddonAsync("foreign", of: "closed");
        await _world.AddModelAsync("codes", seen: inspection => inspection with { Precisions = [Precision.Fp8] });
        await AddonAsync("of-codes", of: "codes");
        await _world.AddModelAsync("teft", ModelKind.HfTeftAddon);
        await _world.AddModelAsync("other-words", seen: inspection => inspection with { VocabularyDigest = "b" });
        var problem = (await _world.TryCreateAsync("d", asked)).Problem.ShouldNotBeNull(what);
        problem.Code.ShouldBe(code);
        problem.Message.ShouldContain(reason);
        problem.Violations.Select(violation => violation.Field).ShouldBe(field is null ? [] : [field]);
    }

    [Theory]
    [InlineData("FP8", "fp8")] // not prepared: merged weights are packed at the start in any case
    [InlineData("INT8", "int8")]
    [InlineData("BF16", null)]
    public async Task Any_precision_of_a_16_bit_base_is_there_without_preparing_on_CPU(string precision, string? started)
    {
        await AddAsync();
        await _world.CreateAsync("d", Least with { Precision = precision });
        _world.Runtime.Running.Single().Precision.ShouldBe(started);
        (await _world.TryCreateAsync("plain", Least with { BaseModel = "story-3m", Precision = precision })).Problem?.Code.ShouldBe(Code.FailedPrecondition);
    }

    [Fact]
    public async Task A_base_that_is_stored_in_FP8_is_merged_in_that()
    {
        await _world.AddModelAsync("codes", seen: inspection => inspection with { Precisions = [Precision.Fp8] });
        await AddonAsync("of-codes", of: "codes");
        await _world.CreateAsync("d", Least with { BaseModel = "of-codes" });
        await _world.CreateAsync("e", Least with { BaseModel = "of-codes", Precision = "FP8" });
        _world.Runtime.Running.Select(replica => replica.MergeAddonFolder).ShouldBe(["/models/of-codes", "/models/of-codes"]);
    }

    [Fact]
    public async Task Drafts_are_of_the_base_unless_the_addon_has_its_own()
    {
        await AddAsync(model: new() { DefaultDraftModel = Library + "draft", DefaultDraftTokenCount = 3 });
        await AddonAsync("own", spec: new() { DefaultDraftModel = Library + "draft", DefaultDraftTokenCount = 5 });
        await _world.AddModelAsync("draft", seen: inspection => inspection with { VocabularyDigest = "a" });
        await _world.AddModelAsync("head", ModelKind.DraftAddon, spec: new() { PeftDetails = new() { BaseModel = Library + "story-3m" } });
        (await DraftingAsync("default", Least)).ShouldBe(new(Library + "draft", 0, 3));
        (await DraftingAsync("own", Least with { BaseModel = "own" })).ShouldBe(new(Library + "draft", 0, 5));
        (await DraftingAsync("head", Least with { DraftModel = "head", DraftTokenCount = 2 })).ShouldBe(new(Library + "head", 0, 2)); // the base's
    }

    [Fact]
    public async Task Neither_the_addon_nor_its_base_goes_while_a_deployment_has_them()
    {
        await AddAsync();
        await _world.CreateAsync("d", Least);
        var use = new DeploymentModelUse(_world.Store, _world.Models);
        foreach (var model in (string[])["zog", "story-3m"])
        {
            (await use.FindUsersAsync(ModelName.Parse(Library + model), Cancellation)).ShouldBe(["accounts/acme/deployments/d"], model);
        }

        (await use.FindUsersAsync(ModelName.Parse(Library + "bolt"), Cancellation)).ShouldBeEmpty();
        await _world.DeleteAsync("d", hard: false);
        await _world.PassAsync(3);
        (await use.FindUsersAsync(ModelName.Parse(Library + "story-3m"), Cancellation)).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("zog", "Its model accounts/fireworks/models/zog is gone")]
    [InlineData("story-3m", "is an addon of accounts/fireworks/models/story-3m, which is not here")]
    public async Task What_is_gone_all_the_same_is_named_in_the_status(string removed, string reason)
    {
        await AddAsync();
        await _world.CreateAsync("d", Least);
        await _world.RemoveModelAsync(removed);
        _world.Runtime.Crash(_world.Runtime.Running.Single().Id);
        await _world.PassAsync(60);
        (await _world.GetAsync("d")).Status.Condition.ShouldNotBeNull().Message.ShouldContain(reason);
        _world.Runtime.Running.ShouldBeEmpty();
    }

    [Fact]
    public async Task Simulated_replicas_merge_nothing_and_need_no_files()
    {
        await AddAsync();
        await AddonAsync("empty", ready: false);
        await _world.CreateAsync("d", Least with { BaseModel = "empty", AcceleratorType = "NVIDIA_H100_80GB", StokerKvPrecision = "FP8" });
        var replica = _world.Runtime.Running.Single();
        (replica.MergeAddonFolder, replica.ServedModelName, replica.KvPrecision).ShouldBe((null, Library + "empty", null));
    }

    [Fact]
    public async Task Our_engine_in_the_place_of_a_GPU_merges()
    {
        await AddAsync();
        await _world.CreateAsync("d", Least with { AcceleratorType = "NVIDIA_A100_80GB" });
        _world.Runtime.Running.Single().MergeAddonFolder.ShouldBe("/models/zog");
    }

    private async Task AddAsync(long parameters = 3_000_000, ModelResource? model = null, ModelResource? addon = null)
    {
        await _world.AddModelAsync(parameters: parameters, spec: model, seen: inspection => inspection with { VocabularyDigest = "a" });
        await AddonAsync("zog", spec: addon);
    }

    private Task AddonAsync(string id, string of = "story-3m", int rank = 8, bool ready = true, ModelResource? spec = null) => _world.AddModelAsync(
        id, ModelKind.HfPeftAddon, ready, parameters: 1000,
        spec: (spec ?? new()) with { PeftDetails = new() { BaseModel = Library + of, R = rank, TargetModules = ["q_proj"] } },
        seen: inspection => inspection with { ContextLength = null, SupportsLora = false, SupportsChat = false, Precisions = [], ModelType = null });

    private async Task<Drafting?> DraftingAsync(string id, DeploymentResource asked) => (await _world.TryCreateAsync(id, asked)).Value.Spec.Drafting;
}
