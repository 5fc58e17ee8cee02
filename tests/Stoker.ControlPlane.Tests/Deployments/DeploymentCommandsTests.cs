using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Models;

namespace Stoker.ControlPlane.Tests.Deployments;

public sealed class DeploymentCommandsTests : IAsyncDisposable
{
    private readonly DeploymentWorld _world = new();

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task An_id_is_made_up_when_none_is_given()
    {
        await _world.AddModelAsync();
        var id = (await _world.TryCreateAsync(id: null)).Value.Name.Deployment.ToString();
        id.Length.ShouldBe(8);
        id.ShouldAllBe(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c));
    }

    [Theory]
    [InlineData("Upper")]
    [InlineData("1digit")]
    [InlineData("-dash")]
    [InlineData("dash-")]
    [InlineData("under_score")]
    [InlineData("a/b")]
    [InlineData("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")] // 64
    public async Task A_bad_id_is_told_together_with_the_bad_fields(string id)
    {
        await _world.AddModelAsync();
        var problem = (await _world.TryCreateAsync(id, new() { BaseModel = "story-3m", MinReplicaCount = -1 })).Problem.ShouldNotBeNull();
        problem.Violations.Select(violation => violation.Field).ShouldBe(["deployment_id", "min_replica_count"]);
    }

    [Fact]
    public async Task A_bare_model_is_ones_own_first_and_the_librarys_then()
    {
        await _world.AddModelAsync();
        (await _world.TryCreateAsync("library")).Value.Spec.BaseModel.ToString().ShouldBe("accounts/fireworks/models/story-3m");
        await _world.AddModelAsync(account: "acme");
        (await _world.TryCreateAsync("own")).Value.Spec.BaseModel.ToString().ShouldBe("accounts/acme/models/story-3m");
    }

    [Fact]
    public async Task A_missing_model_is_not_found() =>
        (await _world.TryCreateAsync("d")).Problem.ShouldNotBeNull().ShouldBe(Problem.NotFound("model \"story-3m\" not found"));

    [Fact]
    public async Task A_catalogue_entry_says_how_to_get_its_weights()
    {
        await _world.AddModelAsync("llama-v3p1-8b-instruct", ready: false);
        var problem = (await _world.TryCreateAsync("d", new() { BaseModel = "llama-v3p1-8b-instruct" })).Problem.ShouldNotBeNull();
        problem.Code.ShouldBe(Code.FailedPrecondition);
        problem.Message.ShouldContain("firectl upload model accounts/fireworks/models/llama-v3p1-8b-instruct PATH");
    }

    [Fact]
    public async Task Field_rules_answer_before_anything_is_looked_up_and_before_what_is_not_active()
    {
        var asked = new DeploymentResource { BaseModel = "nobody-has-it", MinReplicaCount = -1, EnableMtp = true, AcceleratorType = "NVIDIA_H100_80GB" };
        (await _world.TryCreateAsync("d", asked)).Problem.ShouldNotBeNull().Code.ShouldBe(Code.InvalidArgument);
        await _world.AddModelAsync();
        (await _world.TryCreateAsync("d", asked with { BaseModel = "story-3m", MinReplicaCount = 0 })).Problem.ShouldNotBeNull().Code.ShouldBe(Code.Unimplemented);
        (await _world.TryCreateAsync("d", asked with { BaseModel = "story-3m", MinReplicaCount = 0, EnableMtp = false })).Problem
            .ShouldNotBeNull().Message.ShouldContain("there is 2 CPU in LOCAL");
    }

    [Fact]
    public async Task A_draft_head_is_not_deployed_alone()
    {
        await _world.AddModelAsync("eagle", ModelKind.DraftAddon);
        (await _world.TryCreateAsync("d", new() { BaseModel = "eagle" })).Problem.ShouldNotBeNull().Code.ShouldBe(Code.InvalidArgument);
    }

    [Fact]
    public async Task Validating_only_answers_what_would_be_and_creates_nothing()
    {
        await _world.AddModelAsync();
        var would = (await _world.TryCreateAsync("d", validateOnly: true)).Value.ToResource();
        (would.Name, would.State, would.MaxReplicaCount, would.AcceleratorType).ShouldBe(("accounts/acme/deployments/d", "CREATING", 1, "CPU"));
        (await _world.FindAsync("d")).ShouldBeNull();
        (await _world.TryCreateAsync("d", new() { BaseModel = "story-3m", MinReplicaCount = -1 }, validateOnly: true)).Problem.ShouldNotBeNull();
        await _world.CreateAsync("d");
        (await _world.TryCreateAsync("d", validateOnly: true)).Problem.ShouldNotBeNull().Code.ShouldBe(Code.AlreadyExists);
    }

    [Fact]
    public async Task An_id_is_taken_until_its_deployment_is_gone()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d");
        (await _world.TryCreateAsync("d")).Problem.ShouldNotBeNull().Message.ShouldContain("exists already");
        await _world.DeleteAsync("d", hard: false);
        await _world.PassAsync(2);
        (await _world.TryCreateAsync("d")).Problem.ShouldNotBeNull().Message.ShouldContain("keeps its id until 2030-01-08");
        (await _world.DeleteAsync("d", hard: false)).Problem.ShouldBeNull(); // again: nothing new
        (await _world.DeleteAsync("d", hard: true)).Problem.ShouldBeNull();
        await _world.PassAsync(1);
        (await _world.DeleteAsync("d", hard: true)).Problem.ShouldNotBeNull().Code.ShouldBe(Code.NotFound);
        (await _world.TryCreateAsync("d")).Problem.ShouldBeNull();
    }

    [Fact]
    public async Task Counts_and_windows_change_in_one_update()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d");
        await _world.UpdateAsync(
            "d",
            new() { MinReplicaCount = 2, MaxReplicaCount = 2, AutoscalingPolicy = new() { ScaleUpWindow = "1m" } },
            "min_replica_count,max_replica_count,autoscaling_policy.scale_up_window");
        var spec = (await _world.GetAsync("d")).Spec;
        (spec.MinReplicas, spec.MaxReplicas, spec.Scaling.UpWindow, spec.Scaling.DownWindow)
            .ShouldBe((2, 2, TimeSpan.FromMinutes(1), TimeSpan.FromMinutes(10)));
    }

    [Theory]
    [InlineData("min_replica_count", Code.InvalidArgument)] // above the maximum, which stays 1
    [InlineData("no_such_field", Code.InvalidArgument)]
    [InlineData("state", Code.InvalidArgument)]
    [InlineData("placement", Code.InvalidArgument)]
    [InlineData("base_model", Code.InvalidArgument)]
    public async Task An_update_obeys_the_rules_of_a_create(string mask, Code expected)
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d");
        var patch = new DeploymentResource
        {
            BaseModel = "accounts/fireworks/models/other",
            MinReplicaCount = 2,
            State = "FAILED",
            Placement = new() { Region = "LOCAL" },
        };
        var problem = (await _world.TryUpdateAsync("d", patch, mask)).Problem.ShouldNotBeNull();
        problem.Code.ShouldBe(expected);
        problem.Message.ShouldContain(mask == "min_replica_count" ? "max_replica_count" : mask);
    }

    [Fact]
    public async Task What_a_get_gave_can_be_sent_back_whole()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d");
        await _world.PassAsync(3);
        var got = (await _world.GetAsync("d")).ToResource();
        (await _world.TryUpdateAsync("d", got)).Problem.ShouldBeNull();
        // the model as it was typed
        (await _world.TryUpdateAsync("d", new() { BaseModel = "story-3m", DisplayName = "x" })).Problem.ShouldBeNull();
        _world.Runtime.Starts.ShouldBe(1);
    }

    [Fact]
    public async Task Updates_at_the_same_time_both_take_effect()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d");
        var results = await Task.WhenAll(Enumerable.Range(0, 8).Select(number => number % 2 == 0
            ? _world.TryUpdateAsync("d", new() { DisplayName = "name" })
            : _world.TryUpdateAsync("d", new() { Description = "text" })));
        results.ShouldAllBe(result => result.Problem == null || result.Problem.Code == Code.Aborted);
        results.Count(result => result.Problem is null).ShouldBeGreaterThan(1);
        var spec = (await _world.GetAsync("d")).Spec;
        (spec.DisplayName, spec.Description).ShouldBe(("name", "text"));
    }

    [Fact]
    public async Task A_deployment_that_is_being_deleted_takes_no_changes()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d");
        await _world.DeleteAsync("d", hard: false);
        (await _world.TryUpdateAsync("d", new() { DisplayName = "x" })).Problem.ShouldNotBeNull().Code.ShouldBe(Code.FailedPrecondition);
        (await _world.ScaleAsync("d", 1)).Problem.ShouldNotBeNull().Code.ShouldBe(Code.FailedPrecondition);
        (await _world.GetAsync("d")).ToResource().State.ShouldBe("DELETING"); // also before the reconciler looked
    }

    [Fact]
    public async Task The_answer_shows_what_is_there()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d", new() { BaseModel = "story-3m", MinReplicaCount = 3, MaxReplicaCount = 3 });
        await _world.PassAsync(3);
        var shown = (await _world.GetAsync("d")).ToResource();
        (shown.State, shown.DesiredReplicaCount, shown.ReplicaCount, shown.Region, shown.CreatedBy).ShouldBe(("CREATING", 3, 2, "LOCAL", "accounts/acme/users/ann"));
        shown.ReplicaStats.ShouldBe(new ReplicaStatsResource
        {
            PendingSchedulingReplicaCount = 1,
            DownloadingModelReplicaCount = 0,
            InitializingReplicaCount = 0,
            ReadyReplicaCount = 2,
        });
        shown.Status.ShouldNotBeNull().Code.ShouldBe("RESOURCE_EXHAUSTED");
        shown.AutoscalingPolicy.ShouldBe(new AutoscalingPolicyResource { ScaleUpWindow = "30s", ScaleDownWindow = "600s", ScaleToZeroWindow = "3600s" });
    }

    [Fact]
    public async Task A_model_in_use_names_its_deployments()
    {
        await _world.AddModelAsync();
        await _world.CreateAsync("d");
        var use = new DeploymentModelUse(_world.Store, _world.Models);
        (await use.FindUsersAsync((await _world.GetAsync("d")).Spec.BaseModel, TestContext.Current.CancellationToken)).ShouldBe(["accounts/acme/deployments/d"]);
        await _world.DeleteAsync("d", hard: false);
        await _world.PassAsync(3);
        (await use.FindUsersAsync((await _world.GetAsync("d")).Spec.BaseModel, TestContext.Current.CancellationToken)).ShouldBeEmpty();
    }
}
