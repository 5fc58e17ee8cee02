using FsCheck;
using FsCheck.Fluent;
using Stoker.Api.Names;
using Stoker.ControlPlane.Metering;
using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Storage;
using Stoker.ControlPlane.Tests.Storage;

namespace Stoker.ControlPlane.Tests.Metering;

/// <summary>Whoever reads the ledger piece by piece adds up the same as who reads it at once.</summary>
public class UsageTotalsTests
{
    private static readonly ReplicaId[] Replicas = [.. "abcd".Select(letter => ReplicaId.Parse(new string(letter, ReplicaId.Length)))];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void Sums_read_piece_by_piece_are_those_read_at_once() => Prop.ForAll(Gen.ListOf(Gen.Choose(0, 99)).Resize(40).ToArbitrary(), steps =>
    {
        return RunAsync([.. steps]).GetAwaiter().GetResult();
    }).QuickCheckThrowOnFailure();

    [Fact]
    public async Task Proofs_are_read_again_only_after_proofs_were_written()
    {
        using var file = new StoreFile();
        await using var database = file.Open();
        var store = new SqliteLedgerStore(database);
        await store.TakeOverAsync("r1", Cancellation);
        await store.WriteAsync("r1", new([LedgerEvents.Event(Replicas[0], 0, 10)], []), Cancellation);
        var place = (await store.ReadAsync(LedgerPlace.Start, Cancellation)).ShouldNotBeNull().Place;

        await store.WriteAsync("r1", new([LedgerEvents.Event(Replicas[1], 0, 11)], []), Cancellation);
        var events = (await store.ReadAsync(place, Cancellation)).ShouldNotBeNull();
        (events.HasProofs, events.Proofs.Count, events.Events.Count).ShouldBe((false, 0, 1));

        await store.WriteAsync("r1", new([], [new(Replicas[0], LedgerEvents.At(15), TimeSpan.Zero)]), Cancellation);
        var proofs = (await store.ReadAsync(events.Place, Cancellation)).ShouldNotBeNull();
        (proofs.HasProofs, proofs.Proofs.Count, proofs.Events.Count).ShouldBe((true, 2, 0));
    }

    [Fact]
    public async Task An_account_has_what_all_its_deployments_used_and_nobody_elses()
    {
        var store = new MemoryLedgerStore();
        await store.TakeOverAsync("r1", Cancellation);
        var (mine, theirs) = (LedgerEvents.What(), LedgerEvents.What() with { Deployment = DeploymentName.Parse("accounts/other/deployments/d") });
        await store.WriteAsync("r1", new(
            [
                LedgerEvents.Event(Replicas[0], 0, 10), LedgerEvents.Event(Replicas[0], 1, 14) with { Kind = LedgerEventKind.Ended },
                LedgerEvents.Event(Replicas[1], 0, 20) with { What = mine with { DeploymentTime = mine.DeploymentTime.AddDays(1) } },
                LedgerEvents.Event(Replicas[2], 0, 20) with { What = theirs },
            ],
            [new(Replicas[1], LedgerEvents.At(27), TimeSpan.Zero)]), Cancellation);
        var totals = new UsageTotals(store);
        await totals.RefreshAsync(Cancellation);

        totals.Of(mine.Deployment.Parent).OrderBy(use => use.CreateTime).Select(use => (use.Deployment, use.CreateTime, use.Usage.ReplicaTime.TotalSeconds)).ShouldBe(
            [(mine.Deployment, mine.DeploymentTime, 4), (mine.Deployment, mine.DeploymentTime.AddDays(1), 7)]);
    }

    /// <summary>Each step is a replica and what is written of it; after some of them the one who reads along reads.</summary>
    private static async Task<bool> RunAsync(IReadOnlyList<int> steps)
    {
        using var file = new StoreFile();
        await using var database = file.Open();
        var store = new SqliteLedgerStore(database);
        await store.TakeOverAsync("r1", Cancellation);
        var (along, ordinals, second) = (new UsageTotals(store), new Dictionary<ReplicaId, int>(), 10.0);
        foreach (var step in steps)
        {
            var replica = Replicas[step % 4];
            second++;
            var ordinal = ordinals.GetValueOrDefault(replica, -1);
            if (ordinal == int.MaxValue) continue; // it has ended
            var write = (ordinal, step / 4 % 4) switch
            {
                (-1, _) => new LedgerWrite([LedgerEvents.Event(replica, 0, second)], []),
                (_, 0) => new([LedgerEvents.Event(replica, ordinal + 1, second) with { Kind = LedgerEventKind.Alive }], []),
                (_, 1) => new([LedgerEvents.Event(replica, ordinal + 1, second) with { Kind = LedgerEventKind.Ended }], []),
                _ => new([], [new(replica, LedgerEvents.At(second), TimeSpan.Zero)]),
            };
            await store.WriteAsync("r1", write, Cancellation);
            ordinals[replica] = write.Events is [{ Kind: LedgerEventKind.Ended }] ? int.MaxValue : ordinal + write.Events.Count;
            if (step / 16 % 2 == 0) await along.RefreshAsync(Cancellation);
        }

        var atOnce = new UsageTotals(store);
        await along.RefreshAsync(Cancellation);
        await atOnce.RefreshAsync(Cancellation);
        var account = LedgerEvents.What().Deployment.Parent;
        var exact = ReplicaInterval.From((await store.ReadAsync(LedgerPlace.Start, Cancellation))!).Sum(interval => interval.Length.Ticks);
        return along.Of(account).SequenceEqual(atOnce.Of(account)) && atOnce.Of(account).Sum(use => use.Usage.ReplicaTime.Ticks) == exact;
    }
}
