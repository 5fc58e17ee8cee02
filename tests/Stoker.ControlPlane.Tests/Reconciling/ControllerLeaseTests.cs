using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Stoker.ControlPlane.Reconciling;
using Stoker.ControlPlane.Storage;
using Stoker.ControlPlane.Tests.Storage;

namespace Stoker.ControlPlane.Tests.Reconciling;

public sealed class ControllerLeaseTests : IAsyncDisposable
{
    private readonly StoreFile _file = new();
    private readonly SqliteDatabase _database;
    private readonly SqliteLeaseStore _leases;

    public ControllerLeaseTests()
    {
        _database = _file.Open();
        _leases = new(_database);
    }

    [Fact]
    public async Task A_second_holder_waits_until_the_first_gives_up()
    {
        using var first = new CancellationTokenSource();
        using var second = new CancellationTokenSource();
        var (working, next) = (new TaskCompletionSource(), new TaskCompletionSource());
        var one = RunAsync(working, first.Token);
        await working.Task;
        var two = RunAsync(next, second.Token);
        (await _leases.FindAsync(ControllerLease.Name, Cancellation)).ShouldNotBeNull().FencingNumber.ShouldBe(1);
        next.Task.IsCompleted.ShouldBeFalse();

        await first.CancelAsync();
        await next.Task;
        await second.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(one);
        await Should.ThrowAsync<OperationCanceledException>(two);
    }

    [Fact]
    public async Task A_dead_holder_is_followed_at_once()
    {
        // A lease of an hour in the name of a process that has ended: waiting it out would hang this test.
        using var process = Process.Start("/bin/sleep", "60");
        var dead = await HolderOfAsync(process);
        process.Kill();
        await process.WaitForExitAsync(Cancellation);
        (await _leases.TryAcquireAsync(ControllerLease.Name, dead, TimeSpan.FromHours(1), Cancellation)).ShouldNotBeNull();

        using var stop = new CancellationTokenSource();
        var working = new TaskCompletionSource();
        var run = RunAsync(working, stop.Token);
        await working.Task;
        (await _leases.FindAsync(ControllerLease.Name, Cancellation)).ShouldNotBeNull().FencingNumber.ShouldBeGreaterThan(1);
        await stop.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(run);
        (await _leases.FindAsync(ControllerLease.Name, Cancellation)).ShouldBeNull(); // given up on the way out
    }

    [Fact]
    public async Task A_fault_of_the_work_comes_through()
    {
        var lease = new ControllerLease(_leases, TimeProvider.System, NullLogger<ControllerLease>.Instance);
        await Should.ThrowAsync<InvalidDataException>(lease.RunAsync(_ => throw new InvalidDataException("a bug"), Cancellation));
    }

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        _file.Dispose();
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private Task RunAsync(TaskCompletionSource working, CancellationToken cancellation) =>
        new ControllerLease(_leases, TimeProvider.System, NullLogger<ControllerLease>.Instance).RunAsync(
            async held =>
            {
                working.TrySetResult();
                await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, held);
            },
            cancellation);

    /// <summary>
    /// What that process would have written, had it been a server: our own text with its id and start.
    /// </summary>
    private async Task<string> HolderOfAsync(Process process)
    {
        using var stop = new CancellationTokenSource();
        var working = new TaskCompletionSource();
        var run = RunAsync(working, stop.Token);
        await working.Task;
        var own = (await _leases.FindAsync(ControllerLease.Name, Cancellation)).ShouldNotBeNull().Holder.Split('/');
        await stop.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(run);
        var identity = ControlPlane.Runtimes.ProcessIdentity.Find(process.Id).ShouldNotBeNull();
        return $"{identity.Pid}/{identity.StartTicks}/{own[2]}/{own[3]}/other";
    }
}
