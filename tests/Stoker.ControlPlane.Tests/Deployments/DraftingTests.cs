using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Models;

namespace Stoker.ControlPlane.Tests.Deployments;

/// <summary>Draft models and n-grams of deployments: what is refused, what applies by itself, what replicas are started with.</summary>
public sealed class DraftingTests : IAsyncDisposable
{
    private const string Library = "accounts/fireworks/models/";
    private static readonly DeploymentResource Least = new() { BaseModel = "story-3m" };

    private readonly DeploymentWorld _world = new();

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task A_draft_model_is_found_by_its_id_and_its_files_go_to_the_replica()
    {
        await AddAsync();
        await _world.CreateAsync("d", Least with { DraftModel = "story-draft-400k", DraftTokenCount = 4, MinReplicaCount = 1 });
        var resource = (await _world.GetAsync("d")).ToResource();
        (resource.DraftModel, resource.DraftTokenCount).ShouldBe((Library + "story-draft-400k", 4));
        var replica = _world.Runtime.Running.Single();
        (replica.DraftFolder, replica.DraftTokens, replica.NgramLength).ShouldBe(("/models/story-draft-400k", 4, 0));
    }

    [Fact]
    public async Task An_n_gram_goes_to_the_replica()
    {
        await AddAsync();
        await _world.CreateAsync("d", Least with { NgramSpeculationLength = 3, DraftTokenCount = 5, MinReplicaCount = 1 });
        var replica = _world.Runtime.Running.Single();
        (replica.DraftFolder, replica.DraftTokens, replica.NgramLength).ShouldBe((null, 5, 3));
    }

    [Fact]
    public async Task A_models_default_draft_applies_unless_the_create_says_otherwise()
    {
        await AddAsync(withDefault: true);
        (await CreatedAsync("default", Least)).ShouldBe(new(Library + "story-draft-400k", 0, 3));
        (await CreatedAsync("own-count", Least with { DraftTokenCount = 5 })).ShouldBe(new(Library + "story-draft-400k", 0, 5));
        (await CreatedAsync("n-gram", Least with { NgramSpeculationLength = 2, DraftTokenCount = 4 })).ShouldBe(new(null, 2, 4));
        (await CreatedAsync("off", Least with { DraftTokenCount = 0 })).ShouldBeNull();
        (await _world.TryCreateAsync("disabled", Least, draftByDefault: false)).Value.Spec.Drafting.ShouldBeNull();
    }

    [Fact]
    public async Task An_update_brings_no_default_back()
    {
        await AddAsync(withDefault: true);
        await _world.CreateAsync("d", Least);
        await _world.UpdateAsync("d", new() { DraftModel = "", DraftTokenCount = 0 }, "draft_model,draft_token_count");
        await _world.UpdateAsync("d", new() { DisplayName = "Other" }, "display_name");
        (await _world.GetAsync("d")).Spec.Drafting.ShouldBeNull();
    }

    [Fact]
    public async Task Other_drafts_make_another_revision_and_switching_off_what_is_off_makes_none()
    {
        await AddAsync();
        await _world.CreateAsync("d", Least);
        await _world.UpdateAsync("d", new() { DraftTokenCount = 0 }, "draft_token_count");
        (await _world.GetAsync("d")).Revision.ShouldBe(1);
        await _world.UpdateAsync("d", new() { NgramSpeculationLength = 3, DraftTokenCount = 4 });
        (await _world.GetAsync("d")).Revision.ShouldBe(2);
        await _world.UpdateAsync("d", new() { DraftTokenCount = 2 }, "draft_token_count");
        (await _world.GetAsync("d")).Revision.ShouldBe(3);
    }

    [Fact]
    public async Task A_precision_goes_to_the_replica_and_another_one_is_another_revision()
    {
        await _world.AddModelAsync(seen: inspection => inspection with { Precisions = [Precision.Bf16, Precision.Fp8, Precision.Int8] });
        await _world.CreateAsync("d", Least with { Precision = "FP8", MinReplicaCount = 1 });
        _world.Runtime.Running.Single().Precision.ShouldBe("fp8");
        await _world.UpdateAsync("d", new() { Precision = "INT8" }, "precision");
        await _world.PassAsync(60);
        (await _world.GetAsync("d")).Revision.ShouldBe(2);
        _world.Runtime.Running.Single().Precision.ShouldBe("int8");
        await _world.UpdateAsync("d", new() { Precision = "BF16" }, "precision");
        await _world.UpdateAsync("d", new() { Precision = "FP16" }, "precision"); // both mean as stored
        await _world.PassAsync(60);
        (await _world.GetAsync("d")).Revision.ShouldBe(3);
        _world.Runtime.Running.Single().Precision.ShouldBeNull();
    }

    [Fact]
    public async Task A_KV_precision_goes_to_the_replica_is_another_revision_and_is_rolled_back()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d", Least with { StokerKvPrecision = "FP8", MinReplicaCount = 1 });
        _world.Runtime.Running.Single().KvPrecision.ShouldBe("fp8");
        await _world.PassAsync(1_000); // stable
        _world.Runtime.StartFailure = "out of memory";
        await _world.UpdateAsync("d", new() { StokerKvPrecision = "BF16" });
        await _world.PassAsync(600);
        _world.Runtime.StartFailure = null;
        await _world.PassAsync(60);
        (await _world.GetAsync("d")).ToResource().StokerKvPrecision.ShouldBe("FP8");
        _world.Runtime.Running.Single().KvPrecision.ShouldBe("fp8");

        await _world.UpdateAsync("d", new(), "stoker_kv_precision"); // back to the usual one
        await _world.PassAsync(60);
        (await _world.GetAsync("d")).Revision.ShouldBe(3);
        _world.Runtime.Running.Single().KvPrecision.ShouldBeNull();
    }

    [Fact]
    public async Task A_draft_that_does_not_start_is_rolled_back_with_its_settings()
    {
        await AddAsync();
        await _world.CreateAsync("d", Least with { NgramSpeculationLength = 3, DraftTokenCount = 4, MinReplicaCount = 1 });
        await _world.PassAsync(1_000); // stable
        _world.Runtime.StartFailure = "the draft has another vocabulary";
        await _world.UpdateAsync("d", new() { DraftModel = "story-draft-400k", NgramSpeculationLength = 0 }, "draft_model,ngram_speculation_length");
        await _world.PassAsync(600);
        _world.Runtime.StartFailure = null;
        await _world.PassAsync(60);
        var deployment = await _world.GetAsync("d");
        deployment.Status.State.ShouldBe(DeploymentState.Ready);
        deployment.Spec.Drafting.ShouldBe(new(null, 3, 4));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public async Task What_was_named_and_switched_off_is_so_again_after_a_rollback(int ngram)
    {
        await AddAsync();
        var named = ngram == 0 ? Least with { DraftModel = "story-draft-400k" } : Least with { NgramSpeculationLength = ngram };
        await _world.CreateAsync("d", named with { DraftTokenCount = 0, MinReplicaCount = 1 });
        await _world.PassAsync(1_000); // stable
        _world.Runtime.StartFailure = "out of memory";
        await _world.UpdateAsync("d", new() { DraftTokenCount = 4 }, "draft_token_count");
        await _world.PassAsync(600);
        _world.Runtime.StartFailure = null;
        await _world.PassAsync(60);
        var deployment = await _world.GetAsync("d");
        (deployment.Status.State, deployment.Spec.Drafting, deployment.Spec.DraftTokenCount).ShouldBe((DeploymentState.Ready, null, 0));
        (deployment.Spec.DraftModel, deployment.Spec.NgramSpeculationLength).ShouldBe((ngram == 0 ? Library + "story-draft-400k" : null, ngram));
    }

    [Fact]
    public async Task A_count_alone_is_refused_with_the_default_draft_that_it_could_have_had()
    {
        await AddAsync(withDefault: true);
        var disabled = (await _world.TryCreateAsync("d", Least with { DraftTokenCount = 4 }, draftByDefault: false)).Problem.ShouldNotBeNull();
        await _world.CreateAsync("d", Least);
        var updated = (await _world.TryUpdateAsync("d", new() { DraftModel = "" }, "draft_model")).Problem.ShouldNotBeNull();
        foreach (var problem in (Problem[])[disabled, updated])
        {
            problem.Violations.Single().Field.ShouldBe("draft_token_count");
            problem.Message.ShouldContain($"--draft-model {Library}story-draft-400k");
            problem.Message.ShouldContain("--draft-token-count 0");
            problem.Message.ShouldNotContain("has no default draft model");
        }
    }

    [Fact]
    public async Task One_from_before_that_drafts_for_itself_can_still_be_changed_in_other_ways()
    {
        await AddAsync();
        var own = Library + "story-3m";
        var spec = DeploymentSpec.From(new() { BaseModel = own, DraftModel = own, DraftTokenCount = 4 }, AcceleratorType.Cpu).Value;
        (await _world.Store.CreateAsync(
            DeploymentWorld.Name("d"), new() { Resource = spec.ToResource() }, DeploymentCapacity.StatusOf(spec, _world.Inventory), TestContext.Current.CancellationToken)).Problem.ShouldBeNull();
        (await _world.TryUpdateAsync("d", new() { DisplayName = "Other" })).Problem.ShouldBeNull();
        (await _world.TryUpdateAsync("d", new() { DraftTokenCount = 5 })).Problem.ShouldNotBeNull().Message.ShouldContain("must be another model");
    }

    [Fact]
    public async Task A_default_count_that_was_allowed_once_is_todays_longest()
    {
        await _world.AddModelAsync(spec: new() { DefaultDraftModel = Library + "draft", DefaultDraftTokenCount = 32 });
        await _world.AddModelAsync("draft");
        (await CreatedAsync("d", Least)).ShouldBe(new(Library + "draft", 0, 16));
    }

    public static TheoryData<string, DeploymentResource, string, string> Wrong => new()
    {
        { "no such model", Least with { DraftModel = "nobody", DraftTokenCount = 4 }, "draft_model", "not found" },
        { "itself", Least with { DraftModel = "story-3m", DraftTokenCount = 4 }, "draft_model", "must be another model" },
        { "a LoRA addon", Least with { DraftModel = "lora", DraftTokenCount = 4 }, "draft_model", "must be a base model or a draft addon" },
        { "another tokenizer", Least with { DraftModel = "other-words", DraftTokenCount = 4 }, "draft_model", "another vocabulary" },
        { "a head of another model", Least with { DraftModel = "foreign-head", DraftTokenCount = 3 }, "draft_model", "drafts for nothing else" },
        { "a head of another width", Least with { DraftModel = "wide-head", DraftTokenCount = 3 }, "draft_model", "reads states of 512 values" },
        { "a count without a drafter", Least with { DraftTokenCount = 4 }, "draft_token_count", "has no default draft model" },
        { "too long a draft", Least with { DraftModel = "story-draft-400k", DraftTokenCount = 17 }, "draft_token_count", "at most 16" },
        { "too long an n-gram", Least with { NgramSpeculationLength = 33, DraftTokenCount = 4 }, "ngram_speculation_length", "at most 32" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public async Task What_cannot_draft_is_refused_with_the_reason(string what, DeploymentResource asked, string field, string reason)
    {
        await AddAsync();
        await _world.AddModelAsync("lora", ModelKind.HfPeftAddon);
        await _world.AddModelAsync("other-words", seen: inspection => inspection with { VocabularyDigest = "b" });
        await _world.AddModelAsync("foreign-head", ModelKind.DraftAddon, spec: HeadOf("other-words"));
        await _world.AddModelAsync("wide-head", ModelKind.DraftAddon, spec: HeadOf("story-3m"), seen: inspection => inspection with { HiddenSize = 512 });
        var problem = (await _world.TryCreateAsync("d", asked)).Problem.ShouldNotBeNull(what);
        problem.Code.ShouldBe(Code.InvalidArgument);
        problem.Violations.Single().Field.ShouldBe(field);
        problem.Message.ShouldContain(reason);
        await _world.CreateAsync("running", Least with { MinReplicaCount = 1 });
        var patch = asked with { BaseModel = Library + "story-3m" };
        (await _world.TryUpdateAsync("running", patch, field == "draft_token_count" && asked.DraftModel is null ? field : "draft_model,draft_token_count,ngram_speculation_length"))
            .Problem.ShouldNotBeNull().Message.ShouldContain(reason);
        (await _world.GetAsync("running")).Revision.ShouldBe(1); // nothing happened to it
    }

    [Fact]
    public async Task A_head_of_the_right_base_drafts()
    {
        await AddAsync();
        await _world.AddModelAsync("head", ModelKind.DraftAddon, spec: HeadOf("story-3m"), seen: inspection => inspection with { HiddenSize = 192, VocabularyDigest = null });
        await _world.CreateAsync("d", Least with { DraftModel = "head", DraftTokenCount = 3, MinReplicaCount = 1 });
        _world.Runtime.Running.Single().DraftFolder.ShouldBe("/models/head");
    }

    [Fact]
    public async Task A_draft_model_without_weights_says_how_to_get_them_and_a_default_one_how_to_do_without()
    {
        await _world.AddModelAsync(spec: new() { DefaultDraftModel = Library + "draft", DefaultDraftTokenCount = 4 });
        await _world.AddModelAsync("draft", ready: false);
        var byDefault = (await _world.TryCreateAsync("d")).Problem.ShouldNotBeNull();
        byDefault.Code.ShouldBe(Code.FailedPrecondition);
        byDefault.Message.ShouldContain($"firectl upload model {Library}draft PATH");
        byDefault.Message.ShouldContain("--disable-speculative-decoding");
        var asked = (await _world.TryCreateAsync("d", Least with { DraftModel = "draft", DraftTokenCount = 4 })).Problem.ShouldNotBeNull();
        asked.Message.ShouldNotContain("--disable-speculative-decoding");
        (await _world.TryCreateAsync("d", draftByDefault: false)).Problem.ShouldBeNull();
    }

    [Fact]
    public async Task A_model_without_weights_is_told_first_and_its_draft_then()
    {
        await _world.AddModelAsync(ready: false, spec: new() { DefaultDraftModel = Library + "draft", DefaultDraftTokenCount = 4 });
        await _world.AddModelAsync("draft", ready: false);
        (await _world.TryCreateAsync("d")).Problem.ShouldNotBeNull().Message.ShouldStartWith(Library + "story-3m has no weights here yet");
    }

    [Fact]
    public async Task A_draft_model_in_use_is_kept()
    {
        await AddAsync();
        await _world.CreateAsync("d", Least with { DraftModel = "story-draft-400k", DraftTokenCount = 4 });
        var draft = Stoker.Api.Names.ModelName.Parse(Library + "story-draft-400k");
        (await new DeploymentModelUse(_world.Store, _world.Models).FindUsersAsync(draft, TestContext.Current.CancellationToken)).ShouldBe(["accounts/acme/deployments/d"]);
    }

    [Fact]
    public async Task A_draft_model_is_kept_while_an_update_could_be_rolled_back_to_it()
    {
        await AddAsync();
        await _world.CreateAsync("d", Least with { DraftModel = "story-draft-400k", DraftTokenCount = 4, MinReplicaCount = 1 });
        await _world.PassAsync(1_000); // stable
        await _world.UpdateAsync("d", new() { DraftModel = "", DraftTokenCount = 0 }, "draft_model,draft_token_count");
        var (use, draft) = (new DeploymentModelUse(_world.Store, _world.Models), Stoker.Api.Names.ModelName.Parse(Library + "story-draft-400k"));
        (await use.FindUsersAsync(draft, TestContext.Current.CancellationToken)).ShouldBe(["accounts/acme/deployments/d"]);
        await _world.PassAsync(2_000); // the update is stable too: nobody goes back behind it
        (await use.FindUsersAsync(draft, TestContext.Current.CancellationToken)).ShouldBeEmpty();
    }

    [Fact]
    public async Task A_draft_model_that_is_gone_is_named_in_the_status()
    {
        await AddAsync();
        await _world.CreateAsync("d", Least with { DraftModel = "story-draft-400k", DraftTokenCount = 4, MinReplicaCount = 1 });
        await _world.RemoveModelAsync("story-draft-400k");
        _world.Runtime.Crash(_world.Runtime.Running.Single().Id);
        await _world.PassAsync(60);
        (await _world.GetAsync("d")).Status.Condition.ShouldNotBeNull().Message.ShouldContain("Its draft model accounts/fireworks/models/story-draft-400k is gone");
    }

    private async Task AddAsync(bool withDefault = false)
    {
        var spec = withDefault ? new ModelResource { DefaultDraftModel = Library + "story-draft-400k", DefaultDraftTokenCount = 3 } : null;
        await _world.AddModelAsync(spec: spec, seen: inspection => inspection with { VocabularyDigest = "a", HiddenSize = 192 });
        await _world.AddModelAsync("story-draft-400k", seen: inspection => inspection with { VocabularyDigest = "a", HiddenSize = 96 });
    }

    private async Task<Drafting?> CreatedAsync(string id, DeploymentResource asked) => (await _world.TryCreateAsync(id, asked)).Value.Spec.Drafting;

    private static ModelResource HeadOf(string baseModel) => new() { PeftDetails = new() { BaseModel = Library + baseModel } };
}
