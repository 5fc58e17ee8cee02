using FsCheck;
using FsCheck.Fluent;
using Stoker.Api.Names;
using Stoker.ControlPlane.Addons;
using Stoker.ControlPlane.Runtimes;

namespace Stoker.ControlPlane.Tests.Addons;

/// <summary>What is done next with a deployment's addons.</summary>
public class AddonPlanTests
{
    private static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly AddonLimits Limits = AddonLimits.Default;
    private static readonly ReplicaId One = ReplicaId.Parse("replica00001"), Two = ReplicaId.Parse("replica00002");
    private static readonly Dictionary<string, AddonFailure> NoFailures = [];

    [Fact]
    public void A_replica_that_nobody_asked_is_asked_before_it_is_told_anything()
    {
        var plan = Plan([Wished("a")], new AddonReplica(One, Has: null, NoFailures, Busy: false));
        plan.Steps.ShouldBe([new AddonStep.Ask(One)]);
        plan.Statuses.Values.ShouldBe([DeployedModelStatus.New]);
    }

    [Fact]
    public void A_replica_that_does_not_say_what_it_has_is_asked_on_and_waited_for_only_so_long()
    {
        var patient = new AddonReplica(One, Has: null, NoFailures, Busy: false) { Unanswered = Limits.MaxAsks - 1 };
        var mute = patient with { Unanswered = Limits.MaxAsks };
        AddonPlan.Missing(patient, [Wished("a")], Limits).ShouldBe(1);
        AddonPlan.Missing(mute, [Wished("a")], Limits).ShouldBe(0);
        StateOf(Wished("a"), patient).ShouldBe(DeployedModelState.Deploying);
        StateOf(Wished("a"), mute).ShouldBe(DeployedModelState.Failed);
        StateOf(Wished("a"), Having(Two, "a"), mute).ShouldBe(DeployedModelState.Failed);
        Plan([Wished("a")], mute).Steps.ShouldBe([new AddonStep.Ask(One)]);
        var going = Wished("a") with { Unload = true };
        Plan([going], patient).Remove.ShouldBeEmpty();
        Plan([going], mute).Remove.ShouldBe([going.Name]);
        Plan([going], mute, Having(Two, "a")).Remove.ShouldBeEmpty();
    }

    [Fact]
    public void One_may_come_while_a_replica_tries_and_without_replicas_unless_its_files_are_gone()
    {
        var over = Having(One) with { Failures = new Dictionary<string, AddonFailure> { ["a@1"] = new(Limits.MaxTries, Noon, "cut") } };
        May(Wished("a")).ShouldBeTrue();
        May(Wished("a"), over).ShouldBeFalse();
        May(Wished("a"), over, Having(Two)).ShouldBeTrue();
        May(Wished("a"), over, Having(Two, "a")).ShouldBeTrue();
        May(Wished("a"), over, Having(Two) with { Unanswered = Limits.MaxAsks }).ShouldBeFalse();
        May(Wished("a") with { ServedName = null }).ShouldBeFalse();

        static bool May(WishedAddon addon, params IReadOnlyList<AddonReplica> replicas) => AddonPlan.MayCome(addon, replicas, Limits);
    }

    [Fact]
    public void Every_replica_gets_what_it_lacks_and_lets_go_what_nobody_wishes()
    {
        var plan = Plan([Wished("a"), Wished("b")], Having(One, "a"), Having(Two, "b", "old"));
        plan.Steps.ShouldBe([new AddonStep.Load(One, "b@1", "/b"), new AddonStep.Unload(Two, "old@1"), new AddonStep.Load(Two, "a@1", "/a")]);
    }

    [Fact]
    public void It_is_deployed_when_every_ready_replica_has_it()
    {
        StateOf(Wished("a"), Having(One, "a"), Having(Two)).ShouldBe(DeployedModelState.Deploying);
        StateOf(Wished("a"), Having(One, "a"), Having(Two, "a")).ShouldBe(DeployedModelState.Deployed);
        StateOf(Wished("a")).ShouldBe(DeployedModelState.Deployed); // at zero replicas: the next one gets it
    }

    [Theory]
    [InlineData(9, DeployedModelState.Deployed, null)] // a load that takes no longer is no news
    [InlineData(10, DeployedModelState.Deploying, "1 of 2 ready replicas have it")]
    public void One_that_is_deployed_is_so_no_more_when_a_new_replica_has_lacked_it_for_long(int seconds, DeployedModelState state, string? message)
    {
        var deployed = Wished("a") with { Status = new(DeployedModelState.Deployed, null) };
        var lacking = Having(Two) with { LackingSince = Noon - TimeSpan.FromSeconds(seconds) };
        var plan = Plan([deployed], Having(One, "a"), lacking);
        plan.Statuses[deployed.Name].State.ShouldBe(state);
        plan.Statuses[deployed.Name].Message?.ShouldStartWith(message!);
        plan.LookAgainAfter.ShouldBe(seconds == 9 ? TimeSpan.FromSeconds(1) : null);
    }

    [Fact]
    public void What_requests_wait_for_is_loaded_first()
    {
        var plan = Plan([Wished("a"), Wished("b"), Waited("c")], Having(One, "old"));
        plan.Steps.ShouldBe([
            new AddonStep.Load(One, "c@1", "/c") { IsWaitedFor = true }, new AddonStep.Unload(One, "old@1"),
            new AddonStep.Load(One, "a@1", "/a"), new AddonStep.Load(One, "b@1", "/b")]);
        Plan([.. Enumerable.Range(0, 100).Select(number => Wished($"a{number}")), Waited("z")], Having(One)).Steps[0].ShouldBe(new AddonStep.Load(One, "z@1", "/z") { IsWaitedFor = true });
    }

    [Fact]
    public void A_replica_that_loads_others_is_hurried_for_what_it_lacks_and_can_have()
    {
        var busy = Having(One, "there") with { Busy = true };
        Plan([Wished("a"), Waited("b")], busy).Hurry.ShouldBe([One]);
        Plan([Wished("a"), Wished("b")], busy).Hurry.ShouldBeEmpty(); // nobody waits
        Plan([Waited("there")], busy).Hurry.ShouldBeEmpty();
        Plan([Waited("b")], busy with { Bringing = new HashSet<string> { "b@1" } }).Hurry.ShouldBeEmpty(); // it is coming
        Plan([Waited("b")], Having(One)).Hurry.ShouldBeEmpty(); // not busy: it gets the steps
        Plan([Waited("b")], busy with { Failures = new Dictionary<string, AddonFailure> { ["b@1"] = new(1, Noon, "cut") } }).Hurry.ShouldBeEmpty(); // not its time
        Plan([Waited("b")], busy with { Failures = new Dictionary<string, AddonFailure> { ["b@1"] = new(3, Noon - TimeSpan.FromDays(1), "cut") } }).Hurry.ShouldBeEmpty();
    }

    [Fact]
    public void A_replica_that_lost_one_is_asked_what_else_it_has()
    {
        var plan = Plan([Wished("a"), Wished("b")], Having(One, "b") with { IsDoubted = true });
        plan.Steps.ShouldBe([new AddonStep.Ask(One)]);
        plan.Statuses[Wished("b").Name].State.ShouldBe(DeployedModelState.Deployed); // it is taken to be there until it says otherwise
    }

    [Fact]
    public void What_is_missing_are_those_that_may_still_come()
    {
        List<WishedAddon> wished = [Wished("a"), Wished("b"), Wished("c"), Wished("d") with { Unload = true }, Wished("e") with { ServedName = null, Problem = "gone" }];
        var replica = Having(One, "a") with { Failures = new Dictionary<string, AddonFailure> { ["b@1"] = new(Limits.MaxTries, Noon, "cut"), ["c@1"] = new(1, Noon, "busy") } };
        AddonPlan.Missing(replica, wished, Limits).ShouldBe(1); // c alone
    }

    [Fact]
    public void Tries_are_apart_and_bounded_and_the_reason_is_told()
    {
        var replica = Having(One) with { Failures = new Dictionary<string, AddonFailure> { ["a@1"] = new(1, Noon, "no such file.") } };
        var plan = Plan([Wished("a")], replica);
        plan.Steps.ShouldBeEmpty();
        plan.LookAgainAfter.ShouldNotBeNull().TotalSeconds.ShouldBeInRange(4, 6);
        plan.Statuses.Values.Single().ShouldBe(new(DeployedModelState.Deploying, "A replica could not load it (try 1 of 3): no such file"));
        AddonPlan.For([Wished("a")], [replica], Limits, Noon + TimeSpan.FromSeconds(7)).Steps.Count.ShouldBe(1);

        var over = Plan([Wished("a"), Wished("b")], replica with { Failures = new Dictionary<string, AddonFailure> { ["a@1"] = new(3, Noon, "no such file") } });
        over.Steps.ShouldBe([new AddonStep.Load(One, "b@1", "/b")]); // others are not disturbed
        over.Statuses[Wished("a").Name].State.ShouldBe(DeployedModelState.Failed);
        over.Statuses[Wished("a").Name].Message.ShouldNotBeNull().ShouldContain("3 tries: no such file. Mend the cause");
    }

    [Fact]
    public void One_that_failed_is_deployed_again_when_every_replica_has_it_and_not_because_there_is_none()
    {
        var failed = Wished("a") with { Status = new(DeployedModelState.Failed, "why") };
        StateOf(failed).ShouldBe(DeployedModelState.Failed);
        StateOf(failed, Having(One)).ShouldBe(DeployedModelState.Failed);
        StateOf(failed, Having(One, "a")).ShouldBe(DeployedModelState.Deployed);
    }

    [Fact]
    public void One_that_is_to_go_is_removed_when_no_replica_may_have_it_any_more()
    {
        var going = Wished("a") with { Unload = true };
        Plan([going], Having(One, "a")).Steps.ShouldBe([new AddonStep.Unload(One, "a@1")]);
        Plan([going], Having(One, "a")).Remove.ShouldBeEmpty();
        Plan([going], new AddonReplica(One, Has: null, NoFailures, Busy: false)).Remove.ShouldBeEmpty();
        Plan([going], Having(One)).Remove.ShouldBe([going.Name]);
        Plan([going]).Remove.ShouldBe([going.Name]);
    }

    [Fact]
    public void An_addon_whose_model_is_gone_fails_and_its_replicas_let_it_go()
    {
        var plan = Plan([Wished("a") with { ServedName = null, Folder = null, Problem = "gone" }], Having(One, "a"));
        plan.Statuses.Values.ShouldBe([new DeployedModelStatus(DeployedModelState.Failed, "gone")]);
        plan.Steps.ShouldBe([new AddonStep.Unload(One, "a@1")]);
    }

    [Fact]
    public void A_busy_replica_gets_no_steps_and_a_thousand_addons_come_in_batches()
    {
        List<WishedAddon> wished = [.. Enumerable.Range(0, 1_000).Select(number => Wished($"a{number:0000}"))];
        Plan(wished, Having(One) with { Busy = true }).Steps.ShouldBeEmpty();
        Plan(wished, Having(One)).Steps.Count.ShouldBe(Limits.Batch);
    }

    [Fact]
    public void Whatever_replicas_have_and_however_loads_fail_it_comes_to_rest_with_what_can_be_had() => Prop.ForAll(
        Gen.Choose(0, 255).ArrayOf(5).ToArbitrary(),
        bits =>
        {
            var (wished, bad) = (Names(bits[0]).Select(Wished).ToList(), Names(bits[1]).Select(name => name + "@1").ToHashSet());
            var fakes = bits[2..].Select((has, index) => (Id: ReplicaId.Parse($"replica0000{index}"), Has: Names(has).Select(name => name + "@1").ToHashSet(), Failures: new Dictionary<string, AddonFailure>())).ToList();
            var (now, loads) = (Noon, 0);
            for (var turn = 0; turn < 200; turn++, now += TimeSpan.FromSeconds(30))
            {
                var plan = AddonPlan.For(wished, [.. fakes.Select(fake => new AddonReplica(fake.Id, fake.Has, fake.Failures, Busy: false))], Limits, now);
                foreach (var step in plan.Steps)
                {
                    var fake = fakes.Single(other => other.Id == step.Replica);
                    if (step is AddonStep.Unload unload) fake.Has.Remove(unload.ServedName);
                    if (step is not AddonStep.Load load) continue;
                    loads++;
                    if (bad.Contains(load.ServedName)) fake.Failures[load.ServedName] = new((fake.Failures.GetValueOrDefault(load.ServedName)?.Count ?? 0) + 1, now, "bad");
                    else fake.Has.Add(load.ServedName);
                }

                wished = [.. wished.Select(addon => addon with { Status = plan.Statuses[addon.Name] })];
                if (plan.Steps.Count == 0 && plan.LookAgainAfter is null) break;
            }

            foreach (var fake in fakes) fake.Has.ShouldBeSubsetOf(wished.Select(addon => addon.ServedName!));
            foreach (var addon in wished)
            {
                var everywhere = fakes.TrueForAll(fake => fake.Has.Contains(addon.ServedName!));
                addon.Status.State.ShouldBe(everywhere ? DeployedModelState.Deployed : DeployedModelState.Failed);
                (everywhere || bad.Contains(addon.ServedName!)).ShouldBeTrue();
            }

            loads.ShouldBeLessThanOrEqualTo(8 * 3 * Limits.MaxTries);
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void A_cold_one_is_let_go_of_and_counts_as_deployed_until_a_request_waits_for_it()
    {
        var cold = Wished("a") with { IsCold = true };
        Plan([cold], Having(One, "a"), Having(Two)).Steps.ShouldBe([new AddonStep.Unload(One, "a@1")]);
        StateOf(cold, Having(One)).ShouldBe(DeployedModelState.Deployed);
        AddonPlan.Missing(Having(One), [cold], Limits).ShouldBe(0);
        var failed = cold with { Status = new(DeployedModelState.Failed, "cut") };
        Plan([failed], Having(One)).Statuses[failed.Name].ShouldBe(failed.Status); // it is not tried, so it is not mended
        Plan([Waited("a")], Having(One)).Steps.ShouldBe([new AddonStep.Load(One, "a@1", "/a") { IsWaitedFor = true }]);
    }

    [Fact]
    public void One_that_another_account_has_too_goes_at_once_and_stays_loaded()
    {
        var (mine, theirs) = (Wished("a") with { Unload = true }, Wished("a") with { Name = DeployedModelName.Parse("accounts/other/deployedModels/a") });
        var plan = Plan([mine, theirs], Having(One, "a"));
        plan.Remove.ShouldBe([mine.Name]);
        plan.Steps.ShouldBeEmpty();
    }

    private static IEnumerable<string> Names(int bits) => Enumerable.Range(0, 8).Where(bit => (bits & (1 << bit)) != 0).Select(bit => $"m{bit}");

    private static DeployedModelState StateOf(WishedAddon addon, params IReadOnlyList<AddonReplica> replicas) => Plan([addon], replicas).Statuses[addon.Name].State;

    private static AddonPlan Plan(IReadOnlyList<WishedAddon> wished, params IReadOnlyList<AddonReplica> replicas) => AddonPlan.For(wished, replicas, Limits, Noon);

    private static WishedAddon Wished(string id) =>
        new(DeployedModelName.Parse($"accounts/acme/deployedModels/{id}"), $"{id}@1", $"/{id}", null, Unload: false, DeployedModelStatus.New);

    private static WishedAddon Waited(string id) => Wished(id) with { IsWaitedFor = true };

    private static AddonReplica Having(ReplicaId id, params string[] names) => new(id, names.Select(name => name + "@1").ToHashSet(), NoFailures, Busy: false);
}
