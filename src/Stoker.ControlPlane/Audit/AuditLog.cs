using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Stoker.Api.Problems;
using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Audit;

/// <summary>
/// Writes entries, ends those whose process died in the middle of a call, and lets go of old ones once a day.
/// </summary>
internal sealed partial class AuditLog(SqliteAuditStore store, TimeProvider time, IOptions<AuditOptions> options, ILogger<AuditLog> log) : BackgroundService
{
    private static readonly TimeSpan PruneInterval = TimeSpan.FromDays(1);

    private readonly string _run = NameOf(ProcessIdentity.Own ?? new(Environment.ProcessId, 0));

    public AuditCall Meet(HttpContext context, string method) => new(context, method, time.GetUtcNow());

    /// <exception cref="StorageException">It cannot be written; then the call must not go on.</exception>
    public async Task BeginAsync(AuditCall call, CancellationToken cancellation)
    {
        await store.BeginAsync(call.Entry(), _run, cancellation);
        call.IsOpen = true;
    }

    /// <summary>For the first to come of the answer's head and the call's end; again it does nothing.</summary>
    public async Task FinishAsync(AuditCall call)
    {
        if (call.IsFinished || !(call.IsOpen || call.Counts)) return;
        call.IsFinished = true;
        try
        {
            await store.FinishAsync(call.Entry(), call.Status);
        }
        catch (StorageException error)
        {
            LogUnfinished(error.Message);
        }
    }

    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        await EndAbandonedAsync();
        await base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(PruneInterval, time);
        try
        {
            do
            {
                await PruneAsync(stoppingToken);
            }
            while (await timer.WaitForNextTickAsync(stoppingToken));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
    }

    /// <summary>Nobody knows how far those calls came: their entries say so.</summary>
    internal async Task EndAbandonedAsync()
    {
        foreach (var (entry, run) in store.ListOpen())
        {
            if (run != _run && !IsAlive(run)) await store.FinishAsync(entry, Code.Unknown.Row().WireName);
        }
    }

    internal async Task PruneAsync(CancellationToken cancellation)
    {
        try
        {
            await store.PruneAsync(time.GetUtcNow() - options.Value.Retention, options.Value.MaxEntries, cancellation);
        }
        catch (StorageException error)
        {
            LogUnpruned(error.Message);
        }
    }

    private static string NameOf(ProcessIdentity process) =>
        string.Create(CultureInfo.InvariantCulture, $"{process.Pid}:{process.StartTicks}");

    private static bool IsAlive(string run) =>
        run.Split(':') is [var pid, var start]
        && int.TryParse(pid, NumberStyles.None, CultureInfo.InvariantCulture, out var id)
        && ProcessIdentity.Find(id) is { } process
        && process.StartTicks.ToString(CultureInfo.InvariantCulture) == start;

    [LoggerMessage(Level = LogLevel.Error, Message = "What became of a call could not be written to the audit log: {Reason}. Where it changed something its entry has begun, and the next start ends it as UNKNOWN")]
    private partial void LogUnfinished(string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Old entries of the audit log could not be removed: {Reason}. Trying again in a day")]
    private partial void LogUnpruned(string reason);
}
