using Microsoft.Extensions.Logging.Abstractions;
using Stoker.Api.Names;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Serverless;
using Stoker.ControlPlane.Tests.Deployments;

namespace Stoker.ControlPlane.Tests.Serverless;

public sealed class ServerlessReconcilerTests : IAsyncDisposable
{
    private static readonly ModelName Story = ModelName.Parse("accounts/fireworks/models/story-3m");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private readonly DeploymentWorld _world = new(slots: 4);
    private readonly ServerlessOptions _options = new();
    private readonly ServerlessReconciler _reconciler;

    public ServerlessReconcilerTests() => _reconciler = NewServer();

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Fact]
    public async Task A_marked_model_gets_a_deployment_that_is_kept_warm_and_takes_addons()
    {
        await _world.AddModelAsync();
        await _world.AddModelAsync("other");
        await MarkAsync();

        await LookAsync(seconds: 5);

        var deployment = await SharedAsync();
        (deployment.Spec.BaseModel, deployment.Spec.MinReplicas, deployment.Spec.MaxReplicas, deployment.Spec.EnableAddons).ShouldBe((Story, 1, 4, true));
        deployment.CreatedBy.ShouldBe("accounts/fireworks/users/platform");
        _world.Directory.Current.Routes[deployment.Name].Ready.Count.ShouldBe(1);
        await LookAsync(seconds: 7200); // idle for long
        _world.Directory.Current.Routes[deployment.Name].Ready.Count.ShouldBe(1);
        (await AllAsync()).ShouldHaveSingleItem();
    }

    [Fact]
    public async Task The_quota_of_tenants_does_not_bind_it_but_its_own_maximum_does_and_may_change()
    {
        await using var world = new DeploymentWorld(new Inventory([new(Region.Local, AcceleratorType.Cpu, 4, [], 1 << 30)]), new() { QuotaPerType = 0 });
        var options = new ServerlessOptions { MaxReplicas = 2 };
        var reconciler = new ServerlessReconciler(world.Models, world.Store, world.Commands, Microsoft.Extensions.Options.Options.Create(options), world.Time, NullLogger<ServerlessReconciler>.Instance);
        await world.AddModelAsync();
        await SetAsync(world, isMarked: true);
        await reconciler.LookAsync(Cancellation);
        (await world.GetOfAsync("fireworks", "story-3m")).Spec.MaxReplicas.ShouldBe(2);

        options.MaxReplicas = 3;
        await reconciler.LookAsync(Cancellation);

        var spec = (await world.GetOfAsync("fireworks", "story-3m")).Spec;
        (spec.MinReplicas, spec.MaxReplicas).ShouldBe((1, 3));
    }

    [Fact]
    public async Task A_model_that_left_the_tier_has_no_deployment_and_one_that_comes_back_gets_a_new_one()
    {
        await _world.AddModelAsync();
        await MarkAsync();
        await LookAsync(seconds: 5);
        var first = await SharedAsync();

        await SetAsync(_world, isMarked: false);
        await _reconciler.LookAsync(Cancellation);
        await SetAsync(_world, isMarked: true);
        (await _reconciler.LookAsync(Cancellation)).ShouldBe(TimeSpan.FromSeconds(1)); // the old one is not gone yet
        await LookAsync(seconds: 30);

        (await SharedAsync()).CreateTime.ShouldBeGreaterThan(first.CreateTime);
    }

    [Fact]
    public async Task On_the_day_of_its_deprecation_a_model_leaves_by_itself()
    {
        await _world.AddModelAsync();
        await MarkAsync(DateOnly.FromDateTime(_world.Time.GetUtcNow().UtcDateTime).AddDays(1));
        await LookAsync(seconds: 5);
        (await AllAsync()).ShouldHaveSingleItem();

        _world.Time.Advance(TimeSpan.FromDays(1));
        await LookAsync(seconds: 30);

        (await AllAsync()).ShouldBeEmpty();
        (await _world.Models.FindAsync(Story, Cancellation))!.SupportsServerless.ShouldBeFalse();
    }

    [Fact]
    public async Task Whatever_is_killed_another_server_finds_the_same_deployment()
    {
        await _world.AddModelAsync();
        await MarkAsync();
        await LookAsync(seconds: 5);
        var before = await SharedAsync();

        await _world.RestartServerAsync();
        await NewServer().LookAsync(Cancellation);
        await _world.SettleAsync();

        (await SharedAsync()).CreateTime.ShouldBe(before.CreateTime);
        (await AllAsync()).ShouldHaveSingleItem();
    }

    private ServerlessReconciler NewServer() => new(
        _world.Models, _world.Store, _world.Commands, Microsoft.Extensions.Options.Options.Create(_options), _world.Time, NullLogger<ServerlessReconciler>.Instance);

    private Task MarkAsync(DateOnly? deprecation = null) => SetAsync(_world, isMarked: true, deprecation);

    private static async Task SetAsync(DeploymentWorld world, bool isMarked, DateOnly? deprecation = null)
    {
        var row = (await world.Models.Rows.FindAsync(Story, default)).ShouldNotBeNull();
        var date = deprecation is { } day ? new DateResource(day.Year, day.Month, day.Day) : null;
        (await world.Models.Rows.UpdateSpecAsync(row, row.Spec with { SupportsServerless = isMarked, DeprecationDate = date }, default)).Problem.ShouldBeNull();
    }

    private async Task LookAsync(double seconds)
    {
        for (var passed = 0.0; passed < seconds; passed += seconds / 5)
        {
            await _reconciler.LookAsync(Cancellation);
            await _world.SettleAsync();
            await _world.PassAsync(TimeSpan.FromSeconds(seconds / 5), TimeSpan.FromSeconds(seconds / 50));
        }
    }

    private async Task<Deployment> SharedAsync() => (await AllAsync()).ShouldHaveSingleItem();

    private async Task<IReadOnlyList<Deployment>> AllAsync() =>
        [.. (await _world.Store.ListAsync(AccountName.Library, default)).Items.Select(stored => stored.Deployment)];
}
