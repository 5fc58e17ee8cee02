using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Addons;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Tests.Deployments;

namespace Stoker.ControlPlane.Tests.Addons;

/// <summary>Addons on the serverless tier: beside their base on the platform's deployment, for those who deployed them.</summary>
public sealed class SharedAddonTests : IAsyncLifetime
{
    private static readonly ModelName Story = ModelName.Parse("accounts/fireworks/models/story-3m"), Library = ModelName.Parse("accounts/fireworks/models/lib");
    private static readonly DeploymentName Place = SharedDeployment.Of(Story);
    private static readonly AccountName Acme = DeploymentWorld.Account, Other = AccountName.Parse("accounts/other");

    private readonly AddonWorld _world = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _world.Options.ServerlessIdleTime = TimeSpan.FromSeconds(20);
        await _world.World.AddModelAsync();
        await MarkAsync(true);
        await _world.World.CreateOfAsync("fireworks", "story-3m", new() { BaseModel = "story-3m", EnableAddons = true, MinReplicaCount = 2, MaxReplicaCount = 2 });
        await _world.PassAsync(5);
        await _world.AddAddonAsync("zog");
        await _world.AddAddonAsync("lib", account: "fireworks");
    }

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task Without_a_deployment_it_is_served_beside_its_base_to_its_account()
    {
        var shown = await LoadAsync(Acme, "zog");

        (shown.Serverless, shown.Deployment, shown.Default, shown.Name!.StartsWith("accounts/acme/deployedModels/zog-", StringComparison.Ordinal)).ShouldBe((true, Place.ToString(), false, true));
        await _world.PassAsync(1);
        Loaded().ShouldBe([AddonWorld.Served("zog"), AddonWorld.Served("zog")]); // tried at once, on both replicas
        var route = Route(AddonWorld.ModelOf("zog")).ShouldNotBeNull();
        (route.Tenants.Keys.Single(), route.On.Count).ShouldBe((Acme, 2));
        (await FindAsync(shown.Name!))!.State.ShouldBe("DEPLOYED");
    }

    [Fact]
    public async Task Of_a_library_addon_each_account_has_its_own_and_it_stays_for_the_others()
    {
        var (mine, theirs) = (await LoadAsync(Acme, "lib"), await LoadAsync(Other, "lib"));
        Route(Library)!.Tenants.Keys.ShouldBe([Acme, Other], ignoreOrder: true);

        await UnloadAsync(mine.Name!);

        (await FindAsync(mine.Name!)).ShouldBeNull();
        Route(Library)!.Tenants.Keys.ShouldBe([Other]);
        Loaded().Count.ShouldBe(2);
        await UnloadAsync(theirs.Name!);
        (Route(Library), Loaded().Count).ShouldBe((null, 0));
    }

    [Fact]
    public async Task One_that_nobody_uses_leaves_the_replicas_and_comes_back_with_its_next_request()
    {
        var name = (await LoadAsync(Acme, "zog")).Name!;
        await _world.PassAsync(15);
        _world.Demand.Used(Place, AddonWorld.ModelOf("zog"), _world.World.Time.GetUtcNow());
        await _world.PassAsync(15);
        Loaded().Count.ShouldBe(2); // used since

        await _world.PassAsync(10);

        (Loaded().Count, Route(AddonWorld.ModelOf("zog"))!.On.Count).ShouldBe((0, 0));
        (await FindAsync(name))!.State.ShouldBe("DEPLOYED");
        _world.Demand.Used(Place, AddonWorld.ModelOf("zog"), _world.World.Time.GetUtcNow());
        _world.Demand.Wait(Place, AddonWorld.ModelOf("zog"), isLacking: true);
        await _world.SettleAsync();
        Route(AddonWorld.ModelOf("zog"))!.On.Count.ShouldBe(2);
        _world.Demand.EndWait(Place, AddonWorld.ModelOf("zog"));
        await _world.PassAsync(10);
        Loaded().Count.ShouldBe(2);
    }

    [Fact]
    public async Task On_a_deployment_of_ones_own_nothing_grows_cold()
    {
        await _world.DeployAsync(replicas: 1);
        await _world.LoadAsync("zog");

        await _world.PassAsync(60);

        _world.World.Runtime.AddonsOf(_world.Ready("d").Single()).ShouldBe([AddonWorld.Served("zog")]);
    }

    [Fact]
    public async Task It_is_neither_a_default_nor_in_the_way_of_one()
    {
        await LoadAsync(Acme, "zog");
        await _world.DeployAsync(replicas: 1);
        await _world.LoadAsync("zog");
        (await _world.GetAsync("zog")).Default.ShouldBe(true);

        await _world.UnloadAsync("zog"); // nobody has to be made the default before

        (await _world.FindAsync("zog")).ShouldBeNull();
        Route(AddonWorld.ModelOf("zog")).ShouldNotBeNull();
    }

    [Fact]
    public async Task With_its_bases_deployment_it_goes()
    {
        var name = (await LoadAsync(Acme, "zog")).Name!;
        await _world.World.Commands.DeleteAsync(Place, hard: true, ignoreChecks: true, Cancellation);

        await _world.PassAsync(5);

        (await FindAsync(name), Route(AddonWorld.ModelOf("zog"))).ShouldBe((null, null));
    }

    [Fact]
    public async Task An_account_has_so_many_and_another_one_as_many()
    {
        _world.Options.MaxServerlessPerAccount = 1;
        await _world.AddAddonAsync("bolt");
        await LoadAsync(Acme, "zog");

        var problem = (await TryLoadAsync(Acme, new() { Model = "bolt", Serverless = true })).Problem.ShouldNotBeNull();

        (problem.Code, problem.Message.Contains("serverless-lora-count for account acme, in use: 1, quota: 1", StringComparison.Ordinal)).ShouldBe((Code.ResourceExhausted, true), problem.Message);
        await LoadAsync(Other, "lib");
    }

    [Fact]
    public async Task A_base_that_is_not_on_the_tier_is_named_with_what_to_do()
    {
        await MarkAsync(false);
        await _world.World.AddModelAsync("own", account: "acme");
        await _world.AddAddonAsync("mine", baseModel: "accounts/acme/models/own");

        foreach (var id in (string[])["zog", "mine"])
        {
            var problem = (await TryLoadAsync(Acme, new() { Model = id, Serverless = true })).Problem.ShouldNotBeNull();
            (problem.Code, problem.Message.Contains("is not on the serverless tier", StringComparison.Ordinal)).ShouldBe((Code.FailedPrecondition, true), problem.Message);
            problem.Message.ShouldContain("firectl create deployment accounts/");
        }
    }

    [Fact]
    public async Task A_base_that_nobody_may_see_any_more_is_not_on_the_tier_either()
    {
        var row = (await _world.World.Models.Rows.FindAsync(Story, Cancellation)).ShouldNotBeNull();
        await _world.World.Models.Rows.UpdateSpecAsync(row, row.Spec with { SupportsServerless = false, Public = false }, Cancellation);

        (await TryLoadAsync(Acme, new() { Model = "zog", Serverless = true })).Problem.ShouldNotBeNull().Message.ShouldContain("is not on the serverless tier");
    }

    public static TheoryData<string, DeployedModelResource, string> Wrong => new()
    {
        { "two places", new() { Model = "zog", Serverless = true, Deployment = "d" }, "deployment is the platform's with serverless" },
        { "a default", new() { Model = "zog", Serverless = true, Default = true }, "default is for deployments of your own" },
        { "for all", new() { Model = "zog", Serverless = true, Public = true }, "public is for deployments of your own" },
        { "a base model", new() { Model = "story-3m", Serverless = true }, "is a HF_BASE_MODEL, not an addon" },
        { "somebody else's", new() { Model = "accounts/acme/models/zog", Serverless = true }, "not found" },
    };

    [Theory]
    [MemberData(nameof(Wrong))]
    public async Task What_does_not_fit_is_refused_with_the_reason(string what, DeployedModelResource asked, string reason)
    {
        var account = what == "somebody else's" ? Other : Acme;
        (await TryLoadAsync(account, asked)).Problem.ShouldNotBeNull(what).Message.ShouldContain(reason);
        (await _world.Store.Rows.ListAsync(null, Cancellation)).Items.ShouldBeEmpty();
    }

    [Theory]
    [InlineData("default")]
    [InlineData("public")]
    public async Task An_update_cannot_make_it_what_it_cannot_be(string field)
    {
        var name = DeployedModelName.Parse((await LoadAsync(Acme, "zog")).Name!);

        var problem = (await _world.Commands.UpdateAsync(name, new() { Default = true, Public = true }, field, Cancellation)).Problem.ShouldNotBeNull();

        problem.Message.ShouldBe($"{field} cannot be true on the serverless tier");
        (await _world.Commands.UpdateAsync(name, new() { DisplayName = "zog" }, "display_name", Cancellation)).Problem.ShouldBeNull();
    }

    private Task<Result<DeployedModelResource>> TryLoadAsync(AccountName account, DeployedModelResource asked) => _world.Commands.LoadAsync(account, asked, Cancellation);

    private async Task<DeployedModelResource> LoadAsync(AccountName account, string model)
    {
        var loaded = await TryLoadAsync(account, new() { Model = model, Serverless = true });
        loaded.Problem.ShouldBeNull(loaded.Problem?.Message);
        await _world.SettleAsync();
        return loaded.Value;
    }

    private async Task UnloadAsync(string name)
    {
        (await _world.Commands.UnloadAsync(DeployedModelName.Parse(name), Cancellation)).Problem.ShouldBeNull();
        await _world.SettleAsync();
    }

    private async Task<DeployedModelResource?> FindAsync(string name) => (await _world.Store.Rows.FindAsync(DeployedModelName.Parse(name), Cancellation))?.ToResource();

    private AddonRoute? Route(ModelName model) => _world.Directory.Current!.Of(Place).ByModel.GetValueOrDefault(model);

    private List<string> Loaded() => [.. _world.World.Directory.Current.Routes[Place].Ready.SelectMany(replica => _world.World.Runtime.AddonsOf(replica.Id))];

    private async Task MarkAsync(bool isMarked)
    {
        var row = (await _world.World.Models.Rows.FindAsync(Story, Cancellation)).ShouldNotBeNull();
        (await _world.World.Models.Rows.UpdateSpecAsync(row, row.Spec with { SupportsServerless = isMarked }, Cancellation)).Problem.ShouldBeNull();
    }
}
