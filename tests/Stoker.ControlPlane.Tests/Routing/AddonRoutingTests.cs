using System.Collections.Immutable;
using Stoker.Api.Names;
using Stoker.ControlPlane.Routing;
using static Stoker.ControlPlane.Tests.Routing.Routes;

namespace Stoker.ControlPlane.Tests.Routing;

/// <summary>Where names of addons lead, and which replicas get their requests.</summary>
public class AddonRoutingTests
{
    private const string Base = "accounts/fireworks/models/story-3m", Zog = "accounts/mine/models/zog";
    private const string D = "accounts/mine/deployments/d", E = "accounts/mine/deployments/e", Theirs = "accounts/theirs/deployments/d";
    private static readonly ModelName ZogName = ModelName.Parse(Zog);

    [Theory]
    [InlineData("accounts/mine/models/zog")]
    [InlineData("mine/zog")]
    [InlineData("accounts/mine/models/zog#accounts/mine/deployments/d")]
    [InlineData("mine/zog#mine/d")]
    [InlineData("accounts/mine/deployedModels/zog-d")]
    public void Every_form_leads_to_the_addon_on_its_deployment(string name)
    {
        var route = Find(name, To(D, Base, Replica("one"), Replica("two")).With(Zog, on: "two"), To(E, Base).With(Zog, isDefault: false)).ShouldNotBeNull();
        (route.Name.ToString(), route.ServedName, route.Addon?.Model).ShouldBe((D, Zog + "@digest", ZogName));
        route.Ready.ShouldHaveSingleItem().ReplicaId.ShouldBe("two"); // the other one has it not
    }

    [Theory]
    [InlineData("accounts/mine/models/zog#accounts/mine/deployments/e")] // not deployed there
    [InlineData("accounts/mine/models/bolt")]
    [InlineData("accounts/mine/models/bolt#accounts/mine/deployments/d")]
    [InlineData("accounts/mine/deployedModels/other")]
    [InlineData("accounts/theirs/deployedModels/zog-d")]
    [InlineData("accounts/mine/models/zog#accounts/theirs/deployments/d")]
    public void Names_of_nothing_or_of_others_lead_nowhere(string name) =>
        Find(name, To(D, Base).With(Zog), To(E, Base), To(Theirs, Base).With(Zog)).ShouldBeNull();

    [Fact]
    public void The_default_answers_for_the_name_alone() =>
        Find(Zog, To(D, Base).With(Zog, isDefault: false), To(E, Base).With(Zog))!.Name.ToString().ShouldBe(E);

    [Fact]
    public void While_the_defaults_deployment_is_deleted_the_oldest_other_one_answers()
    {
        var (left, other) = (To(D, Base).With(Zog) with { Waiting = Waiting.Deleting }, To(E, Base).With(Zog, isDefault: false) with { CreateTime = Noon.AddHours(1) });
        var oldest = To("accounts/mine/deployments/f", Base).With(Zog, isDefault: false);
        Find(Zog, left, other, oldest)!.Name.ShouldBe(oldest.Name);
        Find(Zog, left, other with { Waiting = Waiting.Deleting })!.Name.ToString().ShouldBe(D); // who says why
        Find($"{Zog}#{D}", left, other)!.Waiting.ShouldBe(Waiting.Deleting);
        Route[] routes = [left, other];
        new RoutingTable(routes, Deployed(routes)).IsDefault(other.To(ZogName)!).ShouldBeTrue();
        new RoutingTable(routes, Deployed(routes)).IsDefault(left.To(ZogName)!).ShouldBeFalse();
    }

    [Fact]
    public void Where_the_defaults_deployment_is_gone_the_one_that_had_the_addon_next_answers_at_once()
    {
        var left = To(D, Base).With(Zog, isPublic: true);
        var (oldest, other) = (To(E, Base).With(Zog, isDefault: false), To("accounts/mine/deployments/f", Base).With(Zog, isDefault: false, isPublic: true));
        var before = Deployed(left, Since(oldest, 2), Since(other, 1)); // the addons' loop has not looked yet
        var table = new RoutingTable([Since(oldest, 2), Since(other, 1)], before);
        Ask(Zog, "mine")!.Name.ShouldBe(other.Name);
        table.IsDefault(table.Find(other.Name)!.To(ZogName)!).ShouldBeTrue();
        Ask(Zog, "theirs")!.Name.ShouldBe(other.Name);
        Ask($"{Zog}#{D}", "mine").ShouldBeNull();

        table = new([Since(oldest, 2)], before);
        Ask(Zog, "theirs").ShouldBeNull(); // theirs is what is public
        table = new([To(E, Zog)], before); // nobody has it any more, but one that merged it
        Ask(Zog, "mine")!.Name.ToString().ShouldBe(E);
        table.IsDefault(table.Find(oldest.Name)!).ShouldBeTrue();
        table = new([], before);
        Ask(Zog, "mine").ShouldBeNull();

        Route? Ask(string name, string caller) => table.Find(AccountName.Parse($"accounts/{caller}"), ModelReference.Parse(name)!);

        static Route Since(Route route, int hours) => route with
        {
            Addons = new(route.Addons.ByModel.ToImmutableDictionary(pair => pair.Key, pair => pair.Value with { CreateTime = Noon.AddHours(hours) })),
        };
    }

    [Theory]
    [InlineData(Zog)]
    [InlineData("mine/zog")]
    [InlineData($"{Zog}#{D}")]
    [InlineData(D)]
    public void A_merged_addon_is_found_by_its_own_and_by_its_deployments_name(string name)
    {
        var route = Find(name, To(D, Zog, Replica("one")), To(E, Base).With(Zog, isDefault: false)).ShouldNotBeNull();
        (route.Name.ToString(), route.ServedName, route.Addon).ShouldBe((D, Zog, null));
    }

    [Fact]
    public void A_merged_addon_is_not_its_base() => Find($"{Base}#{D}", To(D, Zog, Replica("one"))).ShouldBeNull();

    [Fact]
    public void Where_an_addon_was_loaded_as_the_default_answers_before_where_it_is_merged()
    {
        Route[] routes = [To(D, Zog, Replica("one")), To(E, Base, Replica("two")).With(Zog, on: "two")];
        Find(Zog, routes)!.Name.ToString().ShouldBe(E);
        Find($"{Zog}#{D}", routes)!.Name.ToString().ShouldBe(D);
        new RoutingTable(routes, Deployed(routes)).IsDefault(routes[0]).ShouldBeFalse(); // a listing has the name once
        new RoutingTable([routes[0]]).IsDefault(routes[0]).ShouldBeTrue();
    }

    [Fact]
    public void Others_may_call_what_is_public_and_reach_ones_own_first()
    {
        const string Hers = "accounts/theirs/models/zog";
        var open = To(Theirs, Base).With(Hers, isPublic: true);
        Find(Hers, open)!.Name.ToString().ShouldBe(Theirs);
        Find($"{Hers}#{Theirs}", open).ShouldNotBeNull();
        Find("accounts/theirs/deployedModels/zog-d", open).ShouldNotBeNull();
        Find(Theirs, open).ShouldBeNull(); // the base model is not
        Find(Hers, To(Theirs, Base).With(Hers)).ShouldBeNull();
        Find(Hers, open, To(D, Base).With(Hers))!.Name.ToString().ShouldBe(D);
    }

    [Theory]
    [InlineData("mine", Zog, true)]
    [InlineData("mine", $"{Zog}#accounts/fireworks/deployments/story-3m", true)]
    [InlineData("mine", "accounts/mine/deployedModels/zog-0123abcd", true)]
    [InlineData("theirs", Zog, false)] // did not deploy it
    [InlineData("theirs", "accounts/mine/deployedModels/zog-0123abcd", false)]
    [InlineData("hers", Zog, true)]
    [InlineData("hers", "accounts/mine/deployedModels/zog-0123abcd", false)] // another's
    [InlineData("mine", "accounts/fireworks/deployments/story-3m", false)]
    public void On_the_serverless_tier_an_addon_is_there_for_those_who_deployed_it(string caller, string name, bool isThere)
    {
        var route = Serverless();
        new RoutingTable([route], Deployed(route)).Find(AccountName.Parse($"accounts/{caller}"), ModelReference.Parse(name)!)?.Addon?.Model
            .ShouldBe(isThere ? ZogName : null);
    }

    [Fact]
    public void A_deployment_of_ones_own_comes_before_the_serverless_tier_and_only_what_leads_there_is_listed()
    {
        var shared = Serverless();
        Find(Zog, shared, To(D, Base).With(Zog))!.Name.ToString().ShouldBe(D);
        List(shared).ShouldBe([Base, Zog]);
        List(shared, To(D, Base).With(Zog)).ShouldBeEmpty();
        List(shared, To(D, Base)).ShouldBe([Zog]);

        static IEnumerable<string> List(params Route[] routes) => new RoutingTable(routes, Deployed(routes)).SharedFor(AccountName.Parse("accounts/mine"))
            .Select(route => (route.Addon?.Model ?? route.BaseModel).ToString());
    }

    private static Route Serverless()
    {
        var route = To("accounts/fireworks/deployments/story-3m", Base, Replica("one")).With(Zog, on: "one");
        var addon = route.Addons.ByModel[ZogName];
        foreach (var tenant in (string[])["mine", "hers"])
        {
            var name = DeployedModelName.Parse($"accounts/{tenant}/deployedModels/zog-0123abcd");
            addon = addon with { Name = name, Tenants = addon.Tenants.Add(name.Parent, name) };
        }

        return route with { Addons = new(route.Addons.ByModel.SetItem(ZogName, addon)) };
    }

    [Fact]
    public void The_base_model_is_as_it_was()
    {
        var route = To(D, Base, Replica("one")).With(Zog, on: "one");
        var found = Find($"{Base}#{D}", route).ShouldNotBeNull();
        (found.ServedName, found.Addon).ShouldBe((Base, null));
        found.ShouldBeSameAs(route);
    }

    [Fact]
    public void One_that_failed_everywhere_is_not_waited_for_and_one_that_is_still_somewhere_serves()
    {
        var failed = To(D, Base, Replica("one")).With(Zog, failure: "cut off").To(ZogName).ShouldNotBeNull();
        (failed.IsCallable, failed.Waiting, failed.Detail).ShouldBe((false, Waiting.AddonFailed, "cut off"));
        To(D, Base, Replica("one")).With(Zog, failure: "cut off", on: "one").To(ZogName)!.IsCallable.ShouldBeTrue();
        To(D, Base, Replica("one")).With(Zog).To(ZogName)!.IsCallable.ShouldBeTrue(); // on its way
    }

    [Fact]
    public async Task Who_waits_for_an_addon_holds_up_nobody_and_goes_first_where_it_is()
    {
        var queue = To(D, Base).With(Zog);
        var (addon, other) = (new HeldRequest(1, addon: queue.To(ZogName)!.Addon), new HeldRequest(1));
        queue.Queue.TryEnter(addon, queue.To(ZogName)!, 10, 10).ShouldBe(HoldRefusal.None);
        queue.Queue.TryEnter(other, queue, 10, 10).ShouldBe(HoldRefusal.None);
        var (one, two) = (Replica("one", maxSequences: 1), Replica("two", maxSequences: 1));

        queue.Queue.Follow(Table(one));
        (await other.Answer).Lease!.Replica.ShouldBeSameAs(one);
        addon.Answer.IsCompleted.ShouldBeFalse(); // the replica is ready, and has it not

        queue.Queue.Follow(Table(one, two).With(Zog, on: "two"));
        var answer = await addon.Answer;
        (answer.Lease!.Replica, answer.Route!.ServedName).ShouldBe((two, Zog + "@digest"));

        Route Table(params ReplicaTarget[] ready) => (To(D, Base, ready) with { Shared = queue.Shared }).With(Zog);
    }

    [Fact]
    public async Task A_crowd_for_an_addon_that_is_not_there_leaves_idle_replicas_and_the_room_to_wait_to_others()
    {
        var one = Replica("one", maxSequences: 1);
        var table = To(D, Base, one).With(Zog).With("accounts/mine/models/bolt", isDefault: false, on: "one");
        table.Queue.Follow(table);
        for (var request = 0; request < 2; request++) Enter(Zog).Refusal.ShouldBe(HoldRefusal.None);
        Enter(Zog).Refusal.ShouldBe(HoldRefusal.Count);
        Enter(Zog, bytes: 100).Refusal.ShouldBe(HoldRefusal.Count);

        var (refusal, served) = Enter(null, bytes: 1_000); // more than may wait, but it does not
        refusal.ShouldBe(HoldRefusal.None);
        var lease = (await served.Answer).Lease.ShouldNotBeNull();
        lease.Dispose();
        (await Enter("accounts/mine/models/bolt").Held.Answer).Lease.ShouldNotBeNull(); // takes the only place
        Enter(null, bytes: 6).Refusal.ShouldBe(HoldRefusal.None); // waits for it
        Enter(null, bytes: 5).Refusal.ShouldBe(HoldRefusal.Bytes);
        Enter(null, bytes: 4).Refusal.ShouldBe(HoldRefusal.None);
        Enter(null).Refusal.ShouldBe(HoldRefusal.Count);
        (table.Queue.Count, table.Queue.Bytes).ShouldBe((4, 12));

        (HoldRefusal Refusal, HeldRequest Held) Enter(string? addon, long bytes = 1)
        {
            var route = addon is null ? table : table.To(ModelName.Parse(addon))!;
            var held = new HeldRequest(bytes, addon: route.Addon);
            return (table.Queue.TryEnter(held, route, maxRequests: 2, maxBytes: 10), held);
        }
    }

    [Fact]
    public void A_route_to_an_addon_is_made_once_for_a_table()
    {
        var route = To(D, Base, Replica("one")).With(Zog, on: "one");
        var made = route.To(ZogName).ShouldNotBeNull();
        route.To(ZogName).ShouldBeSameAs(made);
        made.To(ZogName).ShouldBeSameAs(made);
        made.To(null).ShouldBeSameAs(route);
        var next = route with { Ready = [] };
        next.To(ZogName)!.Ready.ShouldBeEmpty(); // a copy has nothing of what was made of the other
        route.To(ZogName).ShouldBeSameAs(made);
        route.To(ModelName.Parse("accounts/mine/models/bolt")).ShouldBeNull();
    }

    [Fact]
    public async Task Who_waits_for_an_addon_learns_that_it_failed_or_is_gone()
    {
        var route = To(D, Base).With(Zog);
        var (first, second) = (Enter(), Enter());
        route.Queue.TryLeave(second);
        route.Queue.Follow((To(D, Base, Replica("one")) with { Shared = route.Shared }).With(Zog, failure: "cut off"));
        (await first.Answer).Route!.Waiting.ShouldBe(Waiting.AddonFailed);
        var third = new HeldRequest(1, addon: route.To(ZogName)!.Addon);
        route.Queue.Follow(route);
        route.Queue.TryEnter(third, route.To(ZogName)!, 10, 10);
        route.Queue.Follow(To(D, Base, Replica("one")) with { Shared = route.Shared });
        (await third.Answer).Route.ShouldBeNull();

        HeldRequest Enter()
        {
            var request = new HeldRequest(1, addon: route.To(ZogName)!.Addon);
            route.Queue.TryEnter(request, route.To(ZogName)!, 10, 10).ShouldBe(HoldRefusal.None);
            return request;
        }
    }

    [Fact]
    public async Task A_stream_that_has_begun_never_goes_on_with_other_files_of_the_same_name()
    {
        var route = To(D, Base).With(Zog);
        var succession = new Succession("kind");
        var begun = new HeldRequest(1, succession: succession, addon: route.To(ZogName)!.Addon);
        route.Queue.TryEnter(begun, route.To(ZogName)!, 10, 10).ShouldBe(HoldRefusal.None);
        var replica = new ReplicaTarget("one", new Uri("http://127.0.0.1:1"), null) { Kind = "kind" };
        var other = (To(D, Base, replica) with { Shared = route.Shared }).With(Zog, on: "one").To(ZogName)!.Addon! with { ServedName = Zog + "@other" };
        var table = To(D, Base, replica) with { Shared = route.Shared };
        route.Queue.Follow(table with { Addons = new(route.Addons.ByModel.SetItem(ZogName, other)) });
        (await begun.Answer).Lease.ShouldBeNull();
    }

    [Fact]
    public void A_freed_place_goes_to_the_first_who_can_have_it()
    {
        var (one, two) = (Replica("one", maxSequences: 1), Replica("two", maxSequences: 1));
        var table = To(D, Base, one, two).With(Zog, on: "two");
        var (busy, alsoBusy) = (table.Pick()!, table.Pick()!);
        List<HeldRequest> held = [Enter(addon: true), Enter(addon: false), Enter(addon: true)];
        (busy.Replica == one ? busy : alsoBusy).Dispose();
        held.Select(request => request.Place is null).ShouldBe([false, true, false]); // the replica of that place has not the addon
        (busy.Replica == two ? busy : alsoBusy).Dispose();
        held.Select(request => request.Place is null).ShouldBe([true, true, false]);

        HeldRequest Enter(bool addon)
        {
            var route = addon ? table.To(ZogName)! : table;
            var request = new HeldRequest(1, addon: route.Addon);
            table.Queue.TryEnter(request, route, 10, 10).ShouldBe(HoldRefusal.None);
            return request;
        }
    }

    private static Route? Find(string name, params Route[] routes) =>
        new RoutingTable(routes, Deployed(routes)).Find(AccountName.Parse("accounts/mine"), ModelReference.Parse(name)!);
}
