using Stoker.Api.Names;
using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Storage;
using Stoker.ControlPlane.Tests.Metering;

namespace Stoker.ControlPlane.Tests.Storage;

/// <summary>What every implementation of <see cref="ILedgerStore"/> holds; one class each inherits it.</summary>
public abstract class LedgerStoreContract
{
    private static readonly ReplicaId A = ReplicaId.Parse("aaaaaaaaaaaa");
    private static readonly ReplicaId B = ReplicaId.Parse("bbbbbbbbbbbb");
    private static readonly MeteredReplica What = LedgerEvents.What();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>A ledger on the same data as every other one that this test opened.</summary>
    public abstract ILedgerStore Open();

    [Fact]
    public async Task What_is_written_is_read_as_it_was()
    {
        var store = await OwnedAsync("r1");
        LedgerEvent[] events =
        [
            Event(A, 0, 10), Event(A, 1, 20) with { Kind = LedgerEventKind.Alive, LongestGap = TimeSpan.FromSeconds(3), What = What with { Reserved = true } }, Event(B, 0, 21),
        ];
        var proof = new LifeProof(B, LedgerEvents.At(30), TimeSpan.FromSeconds(4));

        (await store.WriteAsync("r1", new(events, [proof]), Cancellation)).ShouldBeTrue();

        var all = (await Open().ReadAsync(LedgerPlace.Start, Cancellation)).ShouldNotBeNull();
        all.Events.ShouldBe(events);
        all.Proofs.ShouldBe([new(A, LedgerEvents.At(20), TimeSpan.Zero), proof], ignoreOrder: true);
    }

    [Fact]
    public async Task A_reader_gets_what_is_new_and_nothing_when_nothing_is()
    {
        var store = await OwnedAsync("r1");
        var empty = (await store.ReadAsync(LedgerPlace.Start, Cancellation)).ShouldNotBeNull();
        empty.Events.ShouldBeEmpty();
        (await store.ReadAsync(empty.Place, Cancellation)).ShouldBeNull();

        await store.WriteAsync("r1", new([Event(A, 0, 10)], []), Cancellation);
        var first = (await store.ReadAsync(empty.Place, Cancellation)).ShouldNotBeNull();
        first.Events.ShouldBe([Event(A, 0, 10)]);

        await store.WriteAsync("r1", new([], [new(A, LedgerEvents.At(15), TimeSpan.FromSeconds(5))]), Cancellation);
        var second = (await store.ReadAsync(first.Place, Cancellation)).ShouldNotBeNull();
        second.Events.ShouldBeEmpty();
        second.Proofs.ShouldBe([new(A, LedgerEvents.At(15), TimeSpan.FromSeconds(5))]);
        (await store.ReadAsync(second.Place, Cancellation)).ShouldBeNull();
    }

    [Fact]
    public async Task A_deployment_is_read_on_its_own()
    {
        var other = What with { Deployment = DeploymentName.Parse("accounts/acme/deployments/other") };
        var store = await OwnedAsync("r1");
        await store.WriteAsync("r1", new([Event(A, 0, 10), Event(B, 0, 11) with { What = other }], []), Cancellation);

        var read = await store.ReadAsync(other.Deployment, Cancellation);

        read.Events.ShouldHaveSingleItem().Replica.ShouldBe(B);
        read.Proofs.ShouldHaveSingleItem().Replica.ShouldBe(B);
        (await store.ReadAsync(DeploymentName.Parse("accounts/acme/deployments/none"), Cancellation)).Events.ShouldBeEmpty();
    }

    [Fact]
    public async Task An_ended_replica_has_no_proof_any_more_and_gets_none()
    {
        var store = await OwnedAsync("r1");
        await store.WriteAsync("r1", new([Event(A, 0, 10)], []), Cancellation);
        await store.WriteAsync("r1", new([Event(A, 1, 20) with { Kind = LedgerEventKind.Ended }], [new(A, LedgerEvents.At(21), TimeSpan.Zero)]), Cancellation);
        await store.WriteAsync("r1", new([], [new(A, LedgerEvents.At(22), TimeSpan.Zero)]), Cancellation);

        (await store.ReadAsync(LedgerPlace.Start, Cancellation))!.Proofs.ShouldBeEmpty();
    }

    [Fact]
    public async Task Writing_the_same_again_changes_nothing()
    {
        var store = await OwnedAsync("r1");
        LedgerEvent[] life = [Event(A, 0, 10), Event(A, 1, 20) with { Kind = LedgerEventKind.Ended }];
        await store.WriteAsync("r1", new(life, []), Cancellation);

        (await store.WriteAsync("r1", new([life[0], life[1] with { At = LedgerEvents.At(99) }], []), Cancellation)).ShouldBeTrue();

        var all = (await store.ReadAsync(LedgerPlace.Start, Cancellation))!;
        all.Events.ShouldBe(life);
        all.Proofs.ShouldBeEmpty();
    }

    [Fact]
    public async Task Only_the_run_that_took_over_last_writes()
    {
        var first = await OwnedAsync("r1");
        (await first.WriteAsync("r1", new([Event(A, 0, 10)], []), Cancellation)).ShouldBeTrue();
        var second = await OwnedAsync("r2");

        (await first.WriteAsync("r1", new([Event(B, 0, 11)], [new(A, LedgerEvents.At(12), TimeSpan.Zero)]), Cancellation)).ShouldBeFalse();

        var all = (await second.ReadAsync(LedgerPlace.Start, Cancellation))!;
        all.Events.ShouldBe([Event(A, 0, 10)]);
        all.Proofs.Single().At.ShouldBe(LedgerEvents.At(10));
        (await second.WriteAsync("r2", new([Event(B, 0, 11)], []), Cancellation)).ShouldBeTrue();
    }

    [Fact]
    public async Task Who_takes_over_gets_the_open_replicas_with_their_last_event_and_proof()
    {
        var store = await OwnedAsync("r1");
        await store.WriteAsync(
            "r1",
            new(
                [Event(A, 0, 10), Event(B, 0, 11), Event(A, 1, 20) with { Kind = LedgerEventKind.Alive }, Event(B, 1, 21) with { Kind = LedgerEventKind.Ended }],
                [new(A, LedgerEvents.At(25), TimeSpan.FromSeconds(5))]),
            Cancellation);

        var open = (await Open().TakeOverAsync("r2", Cancellation)).ShouldHaveSingleItem();

        open.Last.ShouldBe(Event(A, 1, 20) with { Kind = LedgerEventKind.Alive });
        open.Proof.ShouldBe(new(A, LedgerEvents.At(25), TimeSpan.FromSeconds(5)));
    }

    private async Task<ILedgerStore> OwnedAsync(string run)
    {
        var store = Open();
        await store.TakeOverAsync(run, Cancellation);
        return store;
    }

    private static LedgerEvent Event(ReplicaId replica, int ordinal, double second) => LedgerEvents.Event(replica, ordinal, second);
}
