using System.Collections.Frozen;
using Microsoft.Extensions.Logging.Abstractions;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Addons;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Routing;
using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Storage;
using Stoker.ControlPlane.Tests.Storage;
using static Stoker.ControlPlane.Tests.Routing.Routes;

namespace Stoker.ControlPlane.Tests.Routing;

public sealed class RoutingFeedTests : IAsyncLifetime
{
    private static readonly ModelName Model = ModelName.Parse("accounts/fireworks/models/story-3m");
    private static readonly DeploymentName Deployment = DeploymentName.Parse("accounts/default/deployments/d");

    private readonly StoreFile _file = new();
    private readonly ReplicaDirectory _directory = new();
    private readonly AddonDirectory _addons = new();
    private readonly RoutingSource _routing = new();
    private SqliteDatabase _database = null!;
    private ModelStore _models = null!;
    private RoutingFeed _feed = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _database = _file.Open();
        var store = new SqliteResourceStore(_database, 1000);
        _models = new(store, _file.Data);
        await _models.Rows.CreateAsync(
            Model, new ModelResource { Kind = "HF_BASE_MODEL", ContextLength = 512 }, ModelStatus.Empty(null), Cancellation);
        _addons.Begin([], (_, _) => null);
        _feed = new(_directory, _addons, _models, _routing, TimeProvider.System, NullLogger<RoutingFeed>.Instance);
    }

    public async ValueTask DisposeAsync()
    {
        await _feed.StopAsync(CancellationToken.None);
        _feed.Dispose();
        await _database.DisposeAsync();
        _file.Dispose();
    }

    [Fact]
    public async Task The_table_follows_the_replica_directory()
    {
        await _feed.StartAsync(Cancellation);
        var replica = Endpoint();

        var route = await PublishedAsync(route => route?.Ready.Count == 1, Published("READY", 1, replica));
        (route!.Ready[0].ReplicaId, route.Ready[0].SocketPath, route.ServedName).ShouldBe((replica.Id.ToString(), "/run/r.sock", Model.ToString()));
        (route.Model.Kind, route.Model.ContextLength).ShouldBe(("HF_BASE_MODEL", 512));

        (await PublishedAsync(route => route?.Ready.Count == 0, Published("READY", 1)))!.Waiting.ShouldBe(Waiting.Starting);
        await PublishedAsync(route => route is null);
    }

    [Fact]
    public async Task Until_somebody_looked_the_table_claims_nothing()
    {
        await _feed.StartAsync(Cancellation);
        _routing.Current.IsKnown.ShouldBeFalse();

        await PublishedAsync(_ => _routing.Current.IsKnown);
    }

    [Fact]
    public async Task The_table_follows_the_models()
    {
        await _feed.StartAsync(Cancellation);
        await PublishedAsync(route => route is not null, Published("READY", 1));
        var row = await _models.Rows.FindAsync(Model, Cancellation);

        await _models.Rows.UpdateSpecAsync(row!, row!.Spec with { ContextLength = 2048 }, Cancellation);

        await RouteAsync(route => route?.Model.ContextLength == 2048);
    }

    [Fact]
    public async Task A_model_that_leaves_the_serverless_tier_says_when_and_is_remembered()
    {
        var row = (await _models.Rows.FindAsync(Model, Cancellation))!;
        var going = row.Spec with { SupportsServerless = true, DeprecationDate = new(2030, 2, 1), StokerAlternative = "accounts/fireworks/models/other" };
        row = (await _models.Rows.UpdateSpecAsync(row, going, Cancellation)).Value;
        await _feed.StartAsync(Cancellation);
        var end = new Retirement(new(2030, 2, 1), ModelName.Parse("accounts/fireworks/models/other"));

        (await PublishedAsync(route => route is not null, Published("READY", 1)))!.Model.Retires.ShouldBe(end);
        var name = ModelReference.Parse(Model.ToString())!;
        _routing.Current.Retired(name).ShouldBeNull();

        await _models.Rows.UpdateSpecAsync(row, going with { SupportsServerless = false }, Cancellation);
        await RouteAsync(route => route?.Model.Retires is null);
        _routing.Current.Retired(name).ShouldBe(end);
        _routing.Current.Retired(ModelReference.Parse($"{Model}#accounts/a/deployments/d")!).ShouldBeNull();
    }

    [Fact]
    public async Task A_merged_addon_has_its_own_kind_and_its_bases_figures()
    {
        var addon = ModelName.Parse("accounts/default/models/zog");
        var spec = new ModelResource { Kind = "HF_PEFT_ADDON", PeftDetails = new() { BaseModel = Model.ToString(), R = 8, TargetModules = ["q_proj"] } };
        await _models.Rows.CreateAsync(addon, spec, ModelStatus.Empty(null), Cancellation);
        await _feed.StartAsync(Cancellation);
        var route = await PublishedAsync(route => route is not null, Published("READY", 1) with { BaseModel = addon });
        (route!.Model.Kind, route.Model.ContextLength, route.ServedName).ShouldBe(("HF_PEFT_ADDON", 512, addon.ToString()));
    }

    [Fact]
    public async Task A_count_survives_a_replica_that_is_out_of_the_table_for_a_moment()
    {
        await _feed.StartAsync(Cancellation);
        var replica = Endpoint();
        var before = await PublishedAsync(route => route?.Ready.Count == 1, Published("READY", 1, replica));
        using var lease = before!.Pick();

        await PublishedAsync(route => route?.Ready.Count == 0, Published("READY", 1));
        var after = await PublishedAsync(route => route?.Ready.Count == 1, Published("READY", 1, replica));

        after!.Ready[0].InFlight.ShouldBe(1);
    }

    [Fact]
    public async Task A_deployment_that_waits_tells_why_in_its_reconcilers_words()
    {
        await _feed.StartAsync(Cancellation);
        var waits = Published("CREATING", 1);
        await PublishedAsync(route => route?.Waiting == Waiting.Starting, waits);

        var cause = new WaitCause(Code.ResourceExhausted, "1 of 1 replicas wait for capacity");

        (await PublishedAsync(route => route?.Waiting == Waiting.Capacity, waits with { Cause = cause }))!.Detail.ShouldBe(cause.Message);
    }

    [Theory]
    [InlineData("CREATING", 1, Waiting.Starting)]
    [InlineData("UPDATING", 1, Waiting.Starting)]
    [InlineData("READY", 1, Waiting.Starting)] // also at zero: a request wakes it
    [InlineData("READY", 0, Waiting.Parked)]
    [InlineData("FAILED", 1, Waiting.Failed)]
    [InlineData("DELETING", 1, Waiting.Deleting)]
    [InlineData("DELETED", 0, Waiting.Deleting)]
    public void The_cause_of_waiting_comes_from_the_deployments_state(string state, int max, Waiting expected) =>
        WaitingOf(Published(state, desired: 0) with { MaxReplicas = max }).ShouldBe(expected);

    [Theory]
    [InlineData(Code.ResourceExhausted, Waiting.Capacity)]
    [InlineData(Code.FailedPrecondition, Waiting.Failed)] // its model is gone: no wait brings it back
    [InlineData(Code.Unavailable, Waiting.Starting)] // a start failed, and another one follows
    public void The_condition_tells_what_is_waited_for(Code code, Waiting expected) =>
        WaitingOf(Published("READY", 1) with { Cause = new(code, "why") }).ShouldBe(expected);

    [Fact]
    public void A_route_has_what_holding_needs()
    {
        var hold = new HoldLimits(MaxRequests: 7);
        var route = new RouteTargets(new()).ToRoute(Published("READY", 1, Endpoint()) with { Hold = hold }, NoCard);
        (route.Hold, route.Ready.Single().MaxSequences).ShouldBe((hold, 8));
    }

    [Theory]
    [InlineData(4_096L, 4_096L)]
    [InlineData(0L, 0L)]
    [InlineData(null, 1L << 20)] // an older program
    public void A_replica_has_the_cache_that_it_tells(long? told, long expected) =>
        new RouteTargets(new()).ToRoute(Published("READY", 1, Endpoint() with { CacheTokens = told }), NoCard).Ready.Single().CacheTokens.ShouldBe(expected);

    [Fact]
    public void All_tables_of_a_deployment_share_its_queue()
    {
        var targets = new RouteTargets(new());
        var first = targets.ToRoute(Published("READY", 0), NoCard);
        targets.ToRoute(Published("READY", 1, Endpoint()), NoCard).Queue.ShouldBeSameAs(first.Queue);
    }

    [Fact]
    public void A_deployment_that_did_not_change_keeps_its_route()
    {
        var (targets, published) = (new RouteTargets(new()), Published("READY", 1, Endpoint()));
        var route = targets.ToRoute(published, NoCard);
        targets.ToRoute(published, NoCard with { }).ShouldBeSameAs(route);
        targets.ToRoute(published, NoCard with { SupportsChat = true }).ShouldNotBeSameAs(route);
        targets.ToRoute(published with { Cause = new(Code.Unavailable, "why") }, NoCard).Detail.ShouldBe("why");
        targets.ToRoute(published with { State = "DELETING" }, NoCard).Waiting.ShouldBe(Waiting.Deleting);
    }

    [Fact]
    public void What_left_the_table_is_kept_while_its_requests_run_and_no_longer()
    {
        var (targets, endpoint) = (new RouteTargets(new()), Endpoint());
        var (with, without) = (Published("READY", 1, endpoint), Published("READY", 1));
        var target = targets.ToRoute(with, NoCard).Ready.Single();
        var lease = targets.ToRoute(with, NoCard).Pick().ShouldNotBeNull();
        Publish(without);
        Publish(with).ShouldBeSameAs(target); // came back with its count
        Publish(without);
        lease.Dispose();
        Publish(without);
        Publish(with).ShouldNotBeSameAs(target);

        ReplicaTarget? Publish(DeploymentRoute route)
        {
            var ready = targets.ToRoute(route, NoCard).Ready;
            targets.DropOthers(new Dictionary<DeploymentName, DeploymentRoute> { [route.Name] = route });
            return ready.SingleOrDefault();
        }
    }

    [Fact]
    public void Of_a_deployment_that_is_gone_nothing_is_kept()
    {
        var (targets, published) = (new RouteTargets(new()), Published("READY", 1, Endpoint()));
        var before = targets.ToRoute(published, NoCard);
        targets.DropOthers(new Dictionary<DeploymentName, DeploymentRoute>());
        var after = targets.ToRoute(published, NoCard);
        after.Queue.ShouldNotBeSameAs(before.Queue);
        after.Ready.Single().ShouldNotBeSameAs(before.Ready.Single());
    }

    private static ModelCard NoCard { get; } = new(null, null, SupportsChat: false, SupportsTools: false, SupportsImageInput: false);

    private static Waiting WaitingOf(DeploymentRoute route) => new RouteTargets(new()).ToRoute(route, NoCard).Waiting;

    private static DeploymentRoute Published(string state, int desired, params IReadOnlyList<ReplicaEndpoint> ready) =>
        new(Deployment, Model, state, desired, ready, Noon);

    private static ReplicaEndpoint Endpoint() => new(ReplicaId.Random(), new Uri("http://replica/"), "/run/r.sock", 8);

    /// <summary>Publishes, and waits for a table in which the deployment's route is as wanted.</summary>
    private Task<Route?> PublishedAsync(Func<Route?, bool> wanted, params IReadOnlyList<DeploymentRoute> deployments)
    {
        _directory.Publish(new ReplicaSnapshot(deployments.ToFrozenDictionary(deployment => deployment.Name)));
        return RouteAsync(wanted);
    }

    private async Task<Route?> RouteAsync(Func<Route?, bool> wanted)
    {
        while (true)
        {
            var changed = _routing.Changed;
            var route = _routing.Current.Of(Deployment.Parent).SingleOrDefault();
            if (wanted(route)) return route;
            await changed.WaitAsync(Cancellation);
        }
    }
}
