using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Metering;

/// <summary>Looks for gateways that were killed, at the start and from then on, and ends in the ledger what they had begun.</summary>
internal sealed partial class RequestSettlement(RequestLedger requests, TimeProvider time, ILogger<RequestSettlement> log) : BackgroundService
{
    /// <summary>How long a request of a killed gateway is in no ledger, where another server runs on. One look lists a directory.</summary>
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (true)
        {
            try
            {
                await requests.SettleLostAsync(stoppingToken);
            }
            catch (Exception error) when (error is StorageException or IOException or UnauthorizedAccessException)
            {
                LogPutOff(error);
            }

            await Task.Delay(Interval, time, stoppingToken);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "What a killed gateway had begun could not be settled; it is tried again")]
    private partial void LogPutOff(Exception error);
}
