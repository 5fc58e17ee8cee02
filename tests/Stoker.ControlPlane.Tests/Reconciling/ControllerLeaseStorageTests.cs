using Microsoft.Extensions.Logging.Abstractions;
using Stoker.ControlPlane.Reconciling;
using Stoker.ControlPlane.Storage;
using Stoker.ControlPlane.Tests.Storage;
using Stoker.Testing;

namespace Stoker.ControlPlane.Tests.Reconciling;

/// <summary>A full disk stops the controllers for as long as it lasts, and never the server.</summary>
public sealed class ControllerLeaseStorageTests : IAsyncDisposable
{
    private readonly ManualTime _time = new(new DateTimeOffset(2030, 1, 1, 12, 0, 0, TimeSpan.Zero));
    private readonly StoreFile _file = new();
    private readonly SqliteDatabase _database;
    private readonly FailingLeases _leases;

    public ControllerLeaseStorageTests()
    {
        _database = _file.Open(_time);
        _leases = new(new SqliteLeaseStore(_database));
    }

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        _file.Dispose();
    }

    [Fact]
    public async Task The_controllers_stop_when_the_lease_cannot_be_renewed_and_go_on_when_it_can()
    {
        using var stop = new CancellationTokenSource();
        var (began, ended) = (new TaskCompletionSource(), new TaskCompletionSource());
        var run = new ControllerLease(_leases, _time, NullLogger<ControllerLease>.Instance).RunAsync(Work, stop.Token);
        await began.Task;

        _leases.Fault = StorageFault.Full;
        await PassTimeUntil(ended.Task, run);
        began = new();
        _leases.Fault = null;
        await PassTimeUntil(began.Task, run);

        await stop.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(run);

        async Task Work(CancellationToken held)
        {
            began.TrySetResult();
            await Task.Delay(Timeout.InfiniteTimeSpan, _time, held).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            ended.TrySetResult();
        }
    }

    [Fact]
    public async Task A_store_that_can_never_be_used_comes_through()
    {
        _leases.Fault = StorageFault.Unusable;

        await Should.ThrowAsync<StorageException>(
            new ControllerLease(_leases, _time, NullLogger<ControllerLease>.Instance).RunAsync(_ => Task.CompletedTask, TestContext.Current.CancellationToken));
    }

    /// <summary>
    /// However much time passes, the outcome is the same: nothing here depends on how often this goes round.
    /// </summary>
    private async Task PassTimeUntil(Task reached, Task run)
    {
        while (!reached.IsCompleted)
        {
            if (run.IsCompleted) await run;
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }
    }

    private sealed class FailingLeases(ILeaseStore inner) : ILeaseStore
    {
        public StorageFault? Fault { get; set; }

        public ValueTask<Lease?> FindAsync(string name, CancellationToken cancellation) =>
            Sound().FindAsync(name, cancellation);

        public Task<Lease?> TryAcquireAsync(string name, string holder, TimeSpan length, CancellationToken cancellation) =>
            Sound().TryAcquireAsync(name, holder, length, cancellation);

        public Task<Lease?> RenewAsync(Lease lease, TimeSpan length, CancellationToken cancellation) =>
            Sound().RenewAsync(lease, length, cancellation);

        public Task ReleaseAsync(Lease lease, CancellationToken cancellation) =>
            Sound().ReleaseAsync(lease, cancellation);

        private ILeaseStore Sound() =>
            Fault is { } fault ? throw new StorageException(fault, "as the test wants it") : inner;
    }
}
