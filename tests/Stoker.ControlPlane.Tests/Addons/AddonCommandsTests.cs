using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Tests.Deployments;

namespace Stoker.ControlPlane.Tests.Addons;

/// <summary>What may be loaded where, and which of several is the default.</summary>
public sealed class AddonCommandsTests : IAsyncLifetime
{
    private readonly AddonWorld _world = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await _world.DeployAsync(replicas: 1);
        await _world.AddAddonAsync("zog");
    }

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    public static TheoryData<string, DeployedModelResource, Code, string> Wrong => new()
    {
        { "nothing", new(), Code.InvalidArgument, "model is required: the addon to load; deployment is required" },
        { "no such model", new() { Model = "nobody", Deployment = "d" }, Code.NotFound, "model \"nobody\" not found" },
        { "no such deployment", new() { Model = "zog", Deployment = "nobody" }, Code.NotFound, "deployment \"accounts/acme/deployments/nobody\" not found" },
        { "another's deployment", new() { Model = "zog", Deployment = "accounts/other/deployments/d" }, Code.NotFound, "accounts/other/deployments/d" },
        { "no name at all", new() { Model = "zog", Deployment = "a/b/c" }, Code.InvalidArgument, "deployment 'a/b/c' is no valid name" },
        { "a base model", new() { Model = "story-3m", Deployment = "d" }, Code.InvalidArgument, "is a HF_BASE_MODEL, not an addon" },
        { "a draft head", new() { Model = "head", Deployment = "d" }, Code.InvalidArgument, "--draft-model" },
        { "another base", new() { Model = "foreign", Deployment = "d" }, Code.InvalidArgument, "is an addon of accounts/fireworks/models/other, and accounts/acme/deployments/d runs accounts/fireworks/models/story-3m" },
        { "too high a rank", new() { Model = "wide", Deployment = "d" }, Code.InvalidArgument, "has rank 128" },
        { "no files", new() { Model = "empty", Deployment = "d" }, Code.FailedPrecondition, "firectl upload model accounts/acme/models/empty PATH" },
        { "a name of one's own", new() { Model = "zog", Deployment = "d", Name = "accounts/acme/deployedModels/x" }, Code.InvalidArgument, "name is made by the server" },
        { "two places", new() { Model = "zog", Deployment = "d", Serverless = true }, Code.InvalidArgument, "deployment is the platform's with serverless" },
        { "a long display name", new() { Model = "zog", Deployment = "d", DisplayName = new('x', 64) }, Code.InvalidArgument, "display_name must have at most 63" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public async Task What_does_not_fit_is_refused_with_the_reason(string what, DeployedModelResource asked, Code code, string reason)
    {
        await _world.AddAddonAsync("foreign", baseModel: "accounts/fireworks/models/other");
        await _world.AddAddonAsync("wide", rank: 128);
        await _world.AddAddonAsync("empty", ready: false);
        await _world.AddAddonAsync("head", kind: ModelKind.DraftAddon);
        var problem = (await _world.Commands.LoadAsync(DeploymentWorld.Account, asked, Cancellation)).Problem.ShouldNotBeNull(what);
        problem.Code.ShouldBe(code);
        problem.Message.ShouldContain(reason);
        (await _world.Store.Rows.ListAsync(null, Cancellation)).Items.ShouldBeEmpty();
    }

    [Fact]
    public async Task The_same_addon_is_on_a_deployment_once()
    {
        await _world.LoadAsync("zog");
        var problem = (await _world.TryLoadAsync("accounts/acme/models/zog", "accounts/acme/deployments/d")).Problem.ShouldNotBeNull();
        problem.Code.ShouldBe(Code.AlreadyExists);
        problem.Message.ShouldContain($"as {AddonWorld.NameOf("zog")}");
    }

    [Fact]
    public async Task An_account_has_no_more_than_its_quota_and_a_deployment_no_more_than_it_takes()
    {
        await _world.AddAddonAsync("bolt");
        await _world.DeployAsync("e", replicas: 1);
        (_world.Options.MaxPerAccount, _world.Options.MaxPerDeployment) = (2, 1);
        await _world.LoadAsync("zog");
        (await _world.TryLoadAsync("bolt")).Problem.ShouldNotBeNull().Message.ShouldBe(
            "accounts/acme/deployments/d has 1 addons, as many as may be: undeploy some, use another deployment, or have an operator raise Stoker:Addons:MaxPerDeployment");
        await _world.LoadAsync("bolt", "e");

        _world.Options.MaxPerDeployment = 10;
        var problem = (await _world.TryLoadAsync("bolt")).Problem.ShouldNotBeNull();
        problem.Code.ShouldBe(Code.ResourceExhausted);
        problem.Message.ShouldBe(
            "lora-count for account acme, in use: 2, quota: 2, requesting: 1; undeploy some, or have an operator raise Stoker:Addons:MaxPerAccount");
        await _world.UnloadAsync("bolt", "e");
        await _world.LoadAsync("bolt");
    }

    [Fact]
    public async Task A_model_says_where_the_caller_has_it_deployed()
    {
        await _world.DeployAsync("e", replicas: 1);
        await _world.LoadAsync("zog");
        await _world.LoadAsync("zog", "e");
        var use = new ControlPlane.Addons.AddonModelUse(_world.Store);
        var own = await use.FindDeployedAsync(AddonWorld.ModelOf("zog"), DeploymentWorld.Account, Cancellation);
        own.OrderBy(place => place.Deployment).ShouldBe([
            new() { Name = AddonWorld.NameOf("zog").ToString(), Deployment = "accounts/acme/deployments/d", State = "DEPLOYED", Default = true, Public = false },
            new() { Name = AddonWorld.NameOf("zog", "e").ToString(), Deployment = "accounts/acme/deployments/e", State = "DEPLOYED", Default = false, Public = false }]);
        (await use.FindDeployedAsync(AddonWorld.ModelOf("zog"), AccountName.Parse("accounts/other"), Cancellation)).ShouldBeEmpty();
        (await use.FindDeployedAsync(AddonWorld.ModelOf("bolt"), DeploymentWorld.Account, Cancellation)).ShouldBeEmpty();
    }

    [Fact]
    public async Task Names_have_the_hosted_form_and_fit_however_long_the_model_is_named()
    {
        AddonWorld.NameOf("zog").DeployedModel.ToString().ShouldMatch("^zog-[0-9a-f]{8}$");
        AddonWorld.NameOf(new string('a', 63)).DeployedModel.ToString().ShouldMatch("^a{54}-[0-9a-f]{8}$");
        AddonWorld.NameOf("zog").ShouldNotBe(AddonWorld.NameOf("zog", "other"));
        await Task.CompletedTask;
    }

    [Fact]
    public async Task Of_several_deployments_the_first_is_the_default_until_it_is_moved()
    {
        await _world.DeployAsync("e", replicas: 1);
        await _world.LoadAsync("zog");
        await _world.LoadAsync("zog", "e");
        (await DefaultsAsync()).ShouldBe((true, false));

        (await _world.Commands.UnloadAsync(AddonWorld.NameOf("zog"), Cancellation)).Problem.ShouldNotBeNull().Message.ShouldContain("make another the default before it can go");
        (await PatchAsync("d", new() { Default = false }, "default")).Problem.ShouldNotBeNull().Code.ShouldBe(Code.FailedPrecondition);

        (await PatchAsync("e", new() { Default = true }, "default")).Problem.ShouldBeNull();
        (await DefaultsAsync()).ShouldBe((false, true));
        await _world.SettleAsync();
        _world.Directory.Current!.Defaults[(DeploymentWorld.Account, AddonWorld.ModelOf("zog"))].ShouldBe(DeploymentWorld.Name("e"));
        await _world.UnloadAsync("zog");
        await _world.UnloadAsync("zog", "e"); // the last one may go
    }

    [Fact]
    public async Task One_that_is_loaded_as_the_default_takes_the_place_of_the_one_before()
    {
        await _world.DeployAsync("e", replicas: 1);
        await _world.LoadAsync("zog");
        await _world.LoadAsync("zog", "e", isDefault: true);
        (await DefaultsAsync()).ShouldBe((false, true));
    }

    [Fact]
    public async Task One_that_a_deployment_of_its_own_answers_for_is_the_default_only_when_asked()
    {
        await _world.World.CreateAsync("merged", new() { BaseModel = "zog" });
        await _world.DeployAsync("e", replicas: 1);
        await _world.LoadAsync("zog");
        await _world.LoadAsync("zog", "e", isDefault: true);
        (await DefaultsAsync()).ShouldBe((false, true));
        (await _world.TryLoadAsync("zog", "merged")).Problem.ShouldNotBeNull().Message.ShouldContain("load it on a deployment of accounts/fireworks/models/story-3m");
    }

    [Fact]
    public async Task Words_and_openness_change_and_what_it_is_does_not()
    {
        await _world.LoadAsync("zog");
        var changed = (await PatchAsync("d", new() { DisplayName = "Zog", Description = "of a dragon", Public = true })).Value;
        (changed.DisplayName, changed.Description, changed.Public, changed.Default).ShouldBe(("Zog", "of a dragon", true, true));
        (await PatchAsync("d", new() { Model = "accounts/acme/models/bolt" })).Problem.ShouldNotBeNull().Violations.Single().Field.ShouldBe("model");
        (await PatchAsync("d", new() { Deployment = "x" }, "deployment")).Problem.ShouldNotBeNull();
        (await PatchAsync("d", new() { State = "FAILED" }, "state")).Problem.ShouldNotBeNull().Message.ShouldContain("set by the server");
        await _world.SettleAsync();
        _world.Route("zog").ShouldNotBeNull().Public.ShouldBeTrue();
    }

    [Fact]
    public async Task What_is_not_there_is_missing()
    {
        (await _world.Commands.UnloadAsync(AddonWorld.NameOf("zog"), Cancellation)).Problem.ShouldNotBeNull().Code.ShouldBe(Code.NotFound);
        (await PatchAsync("d", new() { Public = true })).Problem.ShouldNotBeNull().Code.ShouldBe(Code.NotFound);
    }

    private Task<Result<DeployedModelResource>> PatchAsync(string deployment, DeployedModelResource patch, string? mask = null) =>
        _world.Commands.UpdateAsync(AddonWorld.NameOf("zog", deployment), patch, mask, Cancellation);

    private async Task<(bool? OfD, bool? OfE)> DefaultsAsync() => ((await _world.GetAsync("zog")).Default, (await _world.GetAsync("zog", "e")).Default);
}
