using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Accounts;

/// <summary>
/// Keeps when each key was used last across restarts: written behind the requests, of each key at most once in
/// <see cref="Interval"/>, which is also what a killed server forgets.
/// </summary>
internal sealed partial class KeyUseLog(KeyUses uses, SqliteKeyUseStore store, TimeProvider time, ILogger<KeyUseLog> log) : BackgroundService
{
    public static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    // The loop's alone, and after it the stop's.
    private readonly Dictionary<ApiKeyName, DateTimeOffset> _written = [];

    /// <summary>When keys were used last, as far as anybody knows.</summary>
    public Func<ApiKeyName, DateTimeOffset?> Read()
    {
        var stored = store.List();
        return key =>
        {
            var (seen, before) = (uses.Of(key).Last, stored.TryGetValue(key.ToString(), out var at) ? at : (DateTimeOffset?)null);
            return seen > before || before is null ? seen : before;
        };
    }

    public Task ForgetAsync(ApiKeyName key) => store.ForgetAsync(key.ToString());

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        await WriteAsync();
    }

    internal async Task WriteAsync()
    {
        var due = new List<(ApiKeyName Key, DateTimeOffset Last)>();
        foreach (var (key, use) in uses.All)
        {
            if (use.Last is { } last && (!_written.TryGetValue(key, out var written) || last > written)) due.Add((key, last));
        }

        if (due.Count == 0) return;
        try
        {
            await store.WriteAsync([.. due.Select(item => KeyValuePair.Create(item.Key.ToString(), item.Last))]);
            foreach (var (key, last) in due) _written[key] = last;
        }
        catch (StorageException error)
        {
            LogUnwritten(error.Message); // the next round has it still
        }
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken)) await WriteAsync();
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "When keys were used last could not be written: {Reason}. Trying again in a minute")]
    private partial void LogUnwritten(string reason);
}
