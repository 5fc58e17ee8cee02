using FsCheck;
using FsCheck.Fluent;
using Stoker.Api.Names;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Tests.Runtimes;
using Stoker.Testing;

namespace Stoker.ControlPlane.Tests.Deployments;

/// <summary>
/// Whatever is asked, whatever dies, and wherever the owner is killed: in the end there runs what is wanted, on slots
/// of its own, and nothing else. On the way no plan serves with fewer than it could, loses a replica, or starts more
/// than one above what is wanted.
/// </summary>
public class ReplicaPlanPropertyTests
{
    [Fact]
    public void Any_history_converges_without_an_orphan() => Prop.ForAll(Histories().ToArbitrary(), history =>
    {
        var plant = new Plant(slots: 4);
        foreach (var action in history) plant.Do(action);
        plant.ComeToRest();
        return plant.CheckAtRest();
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void The_check_at_rest_sees_an_orphan()
    {
        var plant = new Plant(slots: 4);
        plant.Do(new(ActionKind.Create, 0, 1));
        plant.ComeToRest();
        plant.PlantOrphan();
        Should.Throw<ShouldAssertException>(() => plant.CheckAtRest());
    }

    private static Gen<Action[]> Histories() => Gen.ArrayOf(
        from kind in Gen.Elements(Enum.GetValues<ActionKind>())
        from deployment in Gen.Choose(0, 2)
        from number in Gen.Choose(0, 3)
        select new Action(kind, deployment, number)).Resize(60);

    private enum ActionKind
    {
        Create,
        ChangeCount,
        ChangeContext,
        ChangeSize,
        Delete,
        Undelete,
        Crash,
        Hang,
        FailStarts,
        HealStarts,
        Look,
        LookAndBeKilled,
        Wait,
        WaitLong,
    }

    private sealed record Action(ActionKind Kind, int Deployment, int Number);

    /// <summary>Rows in memory, a fake runtime, and an owner that can be killed between any two steps.</summary>
    private sealed class Plant(int slots)
    {
        private static readonly Inventory[] Inventories =
            [.. Enumerable.Range(0, 9).Select(count => new Inventory([new(Region.Local, AcceleratorType.Cpu, Math.Max(count, 1), [], 1 << 20)]))];

        private readonly ManualTime _time = new(new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero));
        private readonly Dictionary<int, Deployment> _rows = [];
        private readonly DeploymentsOptions _options = new();
        private FakeRuntime? _runtime;
        private int _ids;
        private long _revisions = 1; // never the same twice

        private FakeRuntime Runtime => _runtime ??= new(_time);

        public void Do(Action action)
        {
            var (kind, number) = (action.Kind, action.Number);
            var row = _rows.GetValueOrDefault(action.Deployment);
            switch (kind)
            {
                case ActionKind.Create when row is null:
                    _rows[action.Deployment] = New(action.Deployment, number);
                    break;
                case ActionKind.ChangeCount when row is { Deletion: null }:
                    Change(action.Deployment, row, row.Spec.ToResource() with { MinReplicaCount = number, MaxReplicaCount = number });
                    break;
                case ActionKind.ChangeContext when row is { Deletion: null }:
                    Change(action.Deployment, row, row.Spec.ToResource() with { MaxContextLength = 10 + number });
                    break;
                case ActionKind.ChangeSize when row is { Deletion: null }:
                    Change(action.Deployment, row, row.Spec.ToResource() with { AcceleratorCount = 1 + number % 2 });
                    break;
                case ActionKind.Delete when row is not null:
                    _rows[action.Deployment] = row with { Deletion = new(_time.GetUtcNow(), number % 2 == 0), Generation = row.Generation + 1 };
                    break;
                case ActionKind.Undelete when row is { Deletion.Hard: false }:
                    _rows[action.Deployment] = row with { Deletion = null, Generation = row.Generation + 1 };
                    break;
                case ActionKind.Crash or ActionKind.Hang:
                    var running = Runtime.Running.ToList();
                    if (running.Count == 0) break;
                    var victim = running[number % running.Count].Id;
                    if (kind == ActionKind.Crash) Runtime.Crash(victim);
                    else Runtime.Hang(victim, TimeSpan.FromMinutes(6));
                    break;
                case ActionKind.FailStarts:
                    Runtime.StartFailure = "no";
                    break;
                case ActionKind.HealStarts:
                    Runtime.StartFailure = null;
                    break;
                case ActionKind.Look:
                    Look(action.Deployment, steps: int.MaxValue);
                    break;
                case ActionKind.LookAndBeKilled:
                    Look(action.Deployment, steps: number - 1); // -1: killed before the status was written
                    break;
                case ActionKind.Wait:
                    _time.Advance(TimeSpan.FromSeconds(number));
                    break;
                case ActionKind.WaitLong:
                    _time.Advance(TimeSpan.FromMinutes(number));
                    break;
            }
        }

        public void PlantOrphan() => Runtime.Plant(Runtime.Running.First() with { Id = ReplicaId.Random() });

        /// <summary>Faults end; then the owner looks at everything for a good while.</summary>
        public void ComeToRest()
        {
            Runtime.StartFailure = null;
            for (var second = 0; second < 400; second++)
            {
                foreach (var deployment in _rows.Keys.Order().ToList()) Look(deployment, int.MaxValue);
                StopOrphans();
                _time.Advance(TimeSpan.FromSeconds(1));
            }
        }

        public bool CheckAtRest()
        {
            var recorded = _rows.Values.SelectMany(row => row.Status.Replicas).Where(replica => replica.State != ReplicaState.Pending).Select(replica => replica.Id);
            Runtime.Running.Select(spec => spec.Id).ShouldBe(recorded, ignoreOrder: true);
            foreach (var row in _rows.Values)
            {
                var (status, ready) = (row.Status, row.Status.Replicas.Where(replica => replica.State == ReplicaState.Ready).ToList());
                status.ObservedGeneration.ShouldBe(row.Generation);
                if (row.Deletion is not null)
                {
                    status.State.ShouldBe(DeploymentState.Deleted);
                    status.Replicas.ShouldBeEmpty();
                    continue;
                }

                var isWaiting = status.Replicas.Any(replica => replica.State == ReplicaState.Pending);
                // a create that gave up while starts failed
                if (status.State == DeploymentState.Failed) status.Replicas.ShouldBeEmpty();
                else if (isWaiting) status.Condition.ShouldNotBeNull().Message.ShouldContain("capacity");
                else (status.State, ready.Count).ShouldBe((DeploymentState.Ready, row.DesiredReplicas));
                if (!isWaiting) ready.ShouldAllBe(replica => replica.Revision == row.Revision);
            }

            return true;
        }

        private void Look(int id, int steps)
        {
            if (!_rows.TryGetValue(id, out var row)) return;
            var observed = Runtime.List();
            var known =
                _rows.Values.SelectMany(other => other.Status.Replicas).Select(replica => replica.Id).ToHashSet();
            var taken = _rows.Values.Where(other => other.Name != row.Name).SelectMany(other => other.Status.Replicas).Select(replica => replica.Allotment)
                .Concat(observed.Where(seen => seen.Phase != ReplicaPhase.Ended && !known.Contains(seen.Id))
                    .Select(seen => new Allotment(Region.Local, AcceleratorType.Cpu, seen.Spec.Slots)))
                .OfType<Allotment>().ToList();
            var own = observed.Where(seen => seen.Spec.Deployment == row.Name.ToString()).ToList();
            var plan = ReplicaPlan.For(new(row, own, ModelProblem: null, Inventories[slots], taken, _options, _time.GetUtcNow()), NewId);
            CheckPlan(row, own, plan);
            if (steps < 0) return;
            if (!plan.Remove) _rows[id] = row with { Status = plan.Status };
            foreach (var step in plan.Steps.Take(steps)) Apply(step, row);
            if (plan.Remove && steps >= plan.Steps.Count) _rows.Remove(id);
            else if (plan.Change is DeploymentChange.RollBack back && steps >= plan.Steps.Count) RollBack(id, back);
        }

        private void CheckPlan(Deployment row, IReadOnlyList<ObservedReplica> own, ReplicaPlan plan)
        {
            var (seen, after) = (own.ToDictionary(replica => replica.Id), plan.Status.Replicas);
            if (row.Deletion is null && plan.Status.State != DeploymentState.Failed)
            {
                var served = row.Status.Replicas.Count(replica => replica.State == ReplicaState.Ready
                    && seen.TryGetValue(replica.Id, out var there) && there.Phase == ReplicaPhase.Ready && there.Stalled < _options.Unresponsive);
                after.Count(replica => replica.State == ReplicaState.Ready)
                    .ShouldBeGreaterThanOrEqualTo(Math.Min(served, row.DesiredReplicas), "a plan serves with fewer");
            }

            var lost = row.Status.Replicas.Where(replica => seen.TryGetValue(replica.Id, out var there) && there.Phase != ReplicaPhase.Ended)
                .Select(replica => replica.Id).Except(after.Select(replica => replica.Id));
            lost.ShouldBeEmpty("a plan loses replicas that run");
            var (before, live) = (Live(row.Status.Replicas), Live(after));
            live.ShouldBeLessThanOrEqualTo(Math.Max(before, row.DesiredReplicas + 1), "a plan starts too many");
            after.Select(replica => replica.Id).Distinct().Count().ShouldBe(after.Count);

            static int Live(IReadOnlyList<Replica> replicas) => replicas.Count(replica => replica.State != ReplicaState.Draining);
        }

        private void RollBack(int id, DeploymentChange.RollBack back)
        {
            var row = _rows[id];
            back.To.Revision.ShouldBeLessThan(row.Revision);
            Change(id, row, back.To.Settings.Over(row.Spec.ToResource()));
            _rows[id] = _rows[id] with { Revision = back.To.Revision };
        }

        private void Apply(ReplicaStep step, Deployment row)
        {
            // The fake answers at once, so nothing is waited for here.
            _ = step switch
            {
                ReplicaStep.Start start => Runtime.StartAsync(Spec(start.Replica, row), default),
                ReplicaStep.Stop => Runtime.StopAsync(step.Id, default),
                _ => Runtime.ForgetAsync(step.Id, default),
            };
        }

        private void StopOrphans()
        {
            var owners = _rows.Values.Select(row => row.Name.ToString()).ToHashSet();
            foreach (var orphan in Runtime.List().Where(seen => !owners.Contains(seen.Spec.Deployment)))
            {
                _ = orphan.Phase == ReplicaPhase.Ended ? Runtime.ForgetAsync(orphan.Id, default) : Runtime.StopAsync(orphan.Id, default);
            }
        }

        private static ReplicaSpec Spec(Replica replica, Deployment row) => new()
        {
            Id = replica.Id,
            Deployment = row.Name.ToString(),
            Revision = replica.Revision,
            ModelFolder = "/m",
            ServedModelName = "m",
            Region = "LOCAL",
            AcceleratorType = "CPU",
            Slots = replica.Allotment!.Slots,
            ContextLength = 10,
            MemoryBytes = 1,
        };

        private Deployment New(int id, int count)
        {
            var asked = new DeploymentResource { BaseModel = "accounts/fireworks/models/m", MinReplicaCount = count, MaxReplicaCount = count };
            var name = DeploymentName.Parse($"accounts/a/deployments/d{id}");
            var now = _time.GetUtcNow();
            return new(name, DeploymentSpec.From(asked, AcceleratorType.Cpu).Value, new(), Generation: 1, Revision: 1, null, null, null, now, now);
        }

        private void Change(int id, Deployment row, DeploymentResource asked)
        {
            var spec = DeploymentSpec.From(asked, AcceleratorType.Cpu, row.Spec).Value;
            var revision = spec.RunsAs(row.Spec) ? row.Revision : ++_revisions;
            _rows[id] = row with { Spec = spec, Generation = row.Generation + 1, Revision = revision };
        }

        private ReplicaId NewId() => ReplicaId.Parse($"r{_ids++:00000000000}");
    }
}
