using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Autoscaling;

/// <summary>Looks at every counter once a second, and writes the windows down now and then.</summary>
internal sealed partial class LoadSampler(LoadWindows windows, TimeProvider time, ILogger<LoadSampler> log) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    // What a crash may lose. It is a gap of the windows then, which holds counts where they are and is bridged when
    // short.
    private static readonly TimeSpan SaveInterval = TimeSpan.FromSeconds(10);

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => RunAsync(stoppingToken);

    internal async Task RunAsync(CancellationToken stopping)
    {
        using var timer = new PeriodicTimer(Interval, time);
        var saved = time.GetTimestamp();
        try
        {
            while (await timer.WaitForNextTickAsync(stopping))
            {
                windows.Sample();
                if (time.GetElapsedTime(saved) < SaveInterval) continue;
                await SaveAsync();
                saved = time.GetTimestamp();
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
        }

        windows.Sample();
        await SaveAsync();
    }

    /// <summary>A store that cannot be written takes nothing away: the windows are in memory.</summary>
    private async Task SaveAsync()
    {
        try
        {
            await windows.SaveAsync(CancellationToken.None); // also at the end, when all else is cancelled
        }
        catch (StorageException error)
        {
            LogNotSaved(error);
        }
    }

    [LoggerMessage(LogLevel.Warning, "The load windows could not be saved; a restart now would begin them anew. Trying again")]
    private partial void LogNotSaved(Exception error);
}
