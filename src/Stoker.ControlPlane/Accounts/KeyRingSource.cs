using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Accounts;

/// <summary>
/// Keeps the <see cref="KeyRing"/>: loads it before the server listens, and again after every change in the store.
/// </summary>
internal sealed partial class KeyRingSource(
    AccountStore store, FirstStart firstStart, KeyUses uses, TimeProvider time, ILogger<KeyRingSource> log) : BackgroundService
{
    private static readonly TimeSpan RetryDelay = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _loading = new(1, 1);
    private readonly ChangeSignal _changed = new();
    private volatile KeyRing _current = KeyRing.Empty;
    private Revisions _seen = new(0, 0, 0);

    public KeyRing Current => _current;

    /// <summary>Ends with the next ring. Take it before <see cref="Current"/>.</summary>
    public Task Changed => _changed.Next;

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await firstStart.RunAsync(cancellationToken);
        await ReloadAsync(cancellationToken);
        await base.StartAsync(cancellationToken);
    }

    /// <summary>
    /// Takes the store's state into the ring. Commands call it after a write, so that a revoked key is refused before
    /// they answer.
    /// </summary>
    public async Task ReloadAsync(CancellationToken cancellation)
    {
        await _loading.WaitAsync(cancellation);
        try
        {
            // Keys last: a key made meanwhile by a user made meanwhile is at worst missing until the watch brings it,
            // never too powerful.
            var accounts = await store.Accounts.ListAsync(null, cancellation);
            var users = await store.Users.ListAsync(null, cancellation);
            var keys = await store.Keys.ListAsync(null, cancellation);
            _current = KeyRing.From(accounts, users, keys, uses);
            uses.KeepOnly(keys.Items.Select(key => key.Name).ToHashSet());
            Volatile.Write(ref _seen, new(accounts.Revision, users.Revision, keys.Revision));
            _changed.Raise();
        }
        finally
        {
            _loading.Release();
        }
    }

    public override void Dispose()
    {
        _loading.Dispose();
        base.Dispose();
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => Task.WhenAll(
        FollowAsync(store.Accounts, seen => seen.Accounts, stoppingToken),
        FollowAsync(store.Users, seen => seen.Users, stoppingToken),
        FollowAsync(store.Keys, seen => seen.Keys, stoppingToken));

    private async Task FollowAsync<TName, TSpec>(
        TypedStore<TName, TSpec, NoStatus> rows, Func<Revisions, long> revision, CancellationToken stopping)
        where TName : class, IParsable<TName>
        where TSpec : notnull
    {
        var expired = false;
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                if (expired) await ReloadAsync(stopping);
                expired = false;
                await foreach (var change in rows.WatchAsync(revision(Volatile.Read(ref _seen)), stopping))
                {
                    // What this process wrote itself is in the ring already.
                    if (change.Revision > revision(Volatile.Read(ref _seen))) await ReloadAsync(stopping);
                }
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (WatchExpiredException)
            {
                expired = true;
            }
            catch (Exception error)
            {
                LogWatchFailed(typeof(TName).Name, error);
                await Task.Delay(RetryDelay, time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The watch of rows with an {Name} broke off; changes may come late. Trying again")]
    private partial void LogWatchFailed(string name, Exception error);

    private sealed record Revisions(long Accounts, long Users, long Keys);
}
