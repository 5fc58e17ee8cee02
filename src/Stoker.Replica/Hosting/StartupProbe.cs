using Microsoft.Extensions.Logging;
using Stoker.Replica.Engines;

namespace Stoker.Replica.Hosting;

/// <summary>
/// Writes the machine's read bandwidth into the log, once: the bound of decoding one sequence, and the first thing to
/// look at where a replica is slow.
/// </summary>
/// <remarks>
/// It takes some 10 ms of the engine's cores, so it waits for a moment without requests: right after a cold start the
/// one that woke the replica is on its way.
/// </remarks>
internal sealed partial class StartupProbe(Task<IReplicaEngine> loading, TimeProvider time, ILogger log)
{
    /// <summary>From ready to the first look, and from one look to the next.</summary>
    internal static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    /// <summary>A replica that is busy for a minute has shown by then how fast it is.</summary>
    internal const int Looks = 12;

    /// <summary>Begun while the model loads, so that nothing of it has to be compiled when the first request comes. Ends quietly when it is cancelled; a failure to measure is no failure of the replica.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            var engine = await loading;
            for (var look = 0; look < Looks; look++)
            {
                await Task.Delay(Interval, time, cancellation);
                var now = engine.Statistics;
                if (now.Running + now.Waiting > 0) continue;
                if (engine.MeasureReadBandwidth() is { } bytesPerSecond) LogBandwidth(now.Threads, bytesPerSecond / 1e9);
                return;
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
        }
        catch (Exception) when (!loading.IsCompletedSuccessfully)
        {
            // There is nothing to measure; why, others tell.
        }
        catch (Exception error)
        {
            LogNotMeasured(error.Message, error);
        }
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "{Threads} threads read {GigabytesPerSecond:F1} GB/s together")]
    private partial void LogBandwidth(int threads, double gigabytesPerSecond);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The read bandwidth could not be measured: {Reason}")]
    private partial void LogNotMeasured(string reason, Exception error);
}
