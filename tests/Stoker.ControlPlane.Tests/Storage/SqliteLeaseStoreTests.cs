using Stoker.ControlPlane.Storage;
using Stoker.Testing;

namespace Stoker.ControlPlane.Tests.Storage;

public sealed class SqliteLeaseStoreTests : IAsyncLifetime
{
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(10);
    private readonly ManualTime _time = new(new DateTimeOffset(2030, 1, 1, 12, 0, 0, TimeSpan.Zero));
    private readonly StoreFile _file = new();
    private SqliteDatabase _database = null!;
    private SqliteLeaseStore _leases = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync()
    {
        _database = _file.Open(_time);
        _leases = Booted("boot-1");
        return ValueTask.CompletedTask;
    }

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        _file.Dispose();
    }

    [Fact]
    public async Task One_holder_at_a_time_has_a_lease()
    {
        var first = (await Acquire("a"))!;

        (await Acquire("b")).ShouldBeNull();

        (first.Holder, first.FencingNumber, first.ExpireTime).ShouldBe(("a", 1, _time.GetUtcNow() + Length));
        (await _leases.FindAsync("controllers", Cancellation)).ShouldBe(first);
        (await _leases.FindAsync("others", Cancellation)).ShouldBeNull();
    }

    [Fact]
    public async Task Of_many_that_ask_at_once_one_gets_it()
    {
        var asked = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => Acquire($"holder-{i}")));

        asked.Count(lease => lease is not null).ShouldBe(1);
    }

    [Fact]
    public async Task An_expired_lease_goes_to_the_next_with_a_larger_fencing_number()
    {
        var first = (await Acquire("a"))!;
        _time.Advance(Length - TimeSpan.FromTicks(1));
        (await Acquire("b")).ShouldBeNull();
        _time.Advance(TimeSpan.FromTicks(1));

        var second = (await Acquire("b"))!;

        second.FencingNumber.ShouldBe(first.FencingNumber + 1);
        (await _leases.RenewAsync(first, Length, Cancellation)).ShouldBeNull();
        await _leases.ReleaseAsync(first, Cancellation); // too late: it stays b's
        (await _leases.FindAsync("controllers", Cancellation)).ShouldBe(second);
    }

    [Fact]
    public async Task A_renewed_lease_holds_on()
    {
        var lease = (await Acquire("a"))!;
        for (var i = 0; i < 5; i++)
        {
            _time.Advance(Length / 2);
            lease = (await _leases.RenewAsync(lease, Length, Cancellation))!;
        }

        (await Acquire("b")).ShouldBeNull();
        lease.FencingNumber.ShouldBe(1);
    }

    [Fact]
    public async Task A_lease_that_ran_out_is_not_renewed_though_nobody_took_it()
    {
        var lease = (await Acquire("a"))!;
        _time.Advance(Length);

        (await _leases.RenewAsync(lease, Length, Cancellation)).ShouldBeNull();
        (await Acquire("a"))!.FencingNumber.ShouldBe(2); // the holder learns that there was a gap
    }

    [Fact]
    public async Task A_released_lease_is_free_at_once()
    {
        await _leases.ReleaseAsync((await Acquire("a"))!, Cancellation);

        (await _leases.FindAsync("controllers", Cancellation)).ShouldBeNull();
        (await Acquire("b"))!.FencingNumber.ShouldBe(2);
    }

    [Fact]
    public async Task Acquiring_what_one_holds_extends_it()
    {
        await Acquire("a");
        _time.Advance(Length / 2);

        var again = (await Acquire("a"))!;

        (again.FencingNumber, again.ExpireTime).ShouldBe((1, _time.GetUtcNow() + Length));
    }

    [Fact]
    public async Task After_a_restart_of_the_machine_the_wall_clock_decides()
    {
        await Acquire("a");
        var afterBoot = Booted("boot-2");

        (await afterBoot.TryAcquireAsync("controllers", "b", Length, Cancellation)).ShouldBeNull();
        _time.Advance(Length);
        (await afterBoot.TryAcquireAsync("controllers", "b", Length, Cancellation))!.FencingNumber.ShouldBe(2);
    }

    [Fact]
    public void Within_one_boot_a_step_of_the_wall_clock_expires_nothing()
    {
        var clock = new BootClock(_time, "boot-1");
        var (stamp, past) = (clock.Stamp + Length.Ticks, clock.Now - TimeSpan.FromDays(1));

        clock.HasPassed("boot-1", stamp, past).ShouldBeFalse();
        clock.HasPassed("boot-2", stamp, past).ShouldBeTrue();
    }

    private SqliteLeaseStore Booted(string bootId) => new(_database, new BootClock(_time, bootId));

    private Task<Lease?> Acquire(string holder) => _leases.TryAcquireAsync("controllers", holder, Length, Cancellation);
}
