using System.Globalization;
using Microsoft.Extensions.Logging;
using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Reconciling;

/// <summary>
/// The right to run the controllers, which one process has at a time. A holder that is dead on this machine is followed
/// at once, not after its lease has run out.
/// </summary>
public sealed partial class ControllerLease(ILeaseStore store, TimeProvider time, ILogger<ControllerLease> logger)
{
    public const string Name = "controllers";

    /// <summary>How long a dead holder on another machine keeps others waiting.</summary>
    private static readonly TimeSpan Length = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan Renewal = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Retry = TimeSpan.FromMilliseconds(250);

    private readonly HolderIdentity _self = HolderIdentity.Current(time);

    /// <summary>
    /// Runs the work whenever the lease is held; the work is cancelled when the lease is lost. Ends only by
    /// cancellation.
    /// </summary>
    public async Task RunAsync(Func<CancellationToken, Task> work, CancellationToken cancellation)
    {
        while (true)
        {
            var lease = await AcquireAsync(cancellation);
            LogAcquired(lease.FencingNumber);
            try
            {
                await HoldAsync(lease, work, cancellation);
            }
            catch (StorageException error) when (IsPassing(error))
            {
                LogStoreTrouble(error);
                await Task.Delay(Retry, time, cancellation);
            }
            finally
            {
                await ReleaseAsync(lease); // also on the way out: the next one need not wait
            }
        }
    }

    private async Task<Lease> AcquireAsync(CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                if (await store.TryAcquireAsync(Name, _self.ToString(), Length, cancellation) is { } lease)
                {
                    return lease;
                }

                if (await store.FindAsync(Name, cancellation) is { } other && HolderIdentity.Parse(other.Holder) is { } holder && holder.IsDead(_self))
                {
                    LogTakeOver(other.Holder);
                    await store.ReleaseAsync(other, cancellation);
                    continue;
                }
            }
            catch (StorageException error) when (IsPassing(error))
            {
                LogStoreTrouble(error);
            }

            await Task.Delay(Retry, time, cancellation);
        }
    }

    /// <summary>
    /// A full disk or a locked file stops the controllers until it is over, not the server: its replicas serve on.
    /// </summary>
    private static bool IsPassing(StorageException error) => error.Fault != StorageFault.Unusable;

    private async Task ReleaseAsync(Lease lease)
    {
        try
        {
            await store.ReleaseAsync(lease, CancellationToken.None);
        }
        catch (StorageException error) when (IsPassing(error))
        {
            LogStoreTrouble(error); // it runs out by itself
        }
    }

    private async Task HoldAsync(Lease lease, Func<CancellationToken, Task> work, CancellationToken cancellation)
    {
        using var held = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var renewing = KeepAsync(lease, held.Token);
        var working = work(held.Token);
        try
        {
            await await Task.WhenAny(renewing, working);
        }
        finally
        {
            await held.CancelAsync();
            await Task.WhenAll(renewing, working).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        if (working.IsFaulted) await working;
        LogLost();
    }

    /// <summary>Ends when the lease is lost.</summary>
    private async Task KeepAsync(Lease lease, CancellationToken cancellation)
    {
        var renewedAt = time.GetTimestamp();
        while (true)
        {
            await Task.Delay(Renewal, time, cancellation);
            try
            {
                if (await store.RenewAsync(lease, Length, cancellation) is null) return;
                renewedAt = time.GetTimestamp();
            }
            catch (StorageException error) when (IsPassing(error))
            {
                LogStoreTrouble(error);
                if (time.GetElapsedTime(renewedAt) + Renewal >= Length) return;
            }
        }
    }

    [LoggerMessage(LogLevel.Information, "This process runs the controllers, fencing number {Number}")]
    private partial void LogAcquired(long number);

    [LoggerMessage(LogLevel.Information, "The controllers' holder {Holder} is gone: taking over")]
    private partial void LogTakeOver(string holder);

    [LoggerMessage(LogLevel.Warning, "The controllers' lease was lost: waiting for it again")]
    private partial void LogLost();

    [LoggerMessage(LogLevel.Warning, "The store fails the controllers; they try again")]
    private partial void LogStoreTrouble(Exception error);

    /// <summary>
    /// A holder's text: process, start, boot, process-id namespace, and a number that tells two holders of one process
    /// apart.
    /// </summary>
    private sealed record HolderIdentity(ProcessIdentity Process, string Boot, string Namespace, string Nonce)
    {
        public static HolderIdentity Current(TimeProvider time) => new(
            ProcessIdentity.Own ?? new(Environment.ProcessId, 0),
            new BootClock(time).BootId,
            File.ResolveLinkTarget("/proc/self/ns/pid", returnFinalTarget: false)?.Name ?? "none",
            Guid.NewGuid().ToString("N"));

        public static HolderIdentity? Parse(string text) => text.Split('/') is [var pid, var start, var boot, var space, var nonce]
            && int.TryParse(pid, CultureInfo.InvariantCulture, out var id)
            && long.TryParse(start, CultureInfo.InvariantCulture, out var ticks)
                ? new(new(id, ticks), boot, space, nonce)
                : null;

        /// <summary>Known only where both see the same process table; elsewhere the lease decides.</summary>
        public bool IsDead(HolderIdentity self) =>
            Boot == self.Boot && Boot.Length > 0 && Namespace == self.Namespace && Process.StartTicks > 0 && !Process.IsAlive;

        public override string ToString() =>
            string.Create(CultureInfo.InvariantCulture, $"{Process.Pid}/{Process.StartTicks}/{Boot}/{Namespace}/{Nonce}");
    }
}
