using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Stoker.ControlPlane.Routing;

namespace Stoker.ControlPlane.Gateway;

/// <summary>
/// Replicas that could not be reached, or broke off before they answered. Who watches replicas needs a moment to see that one is gone;
/// until then it is asked here, and no request goes to it unless it answers.
/// </summary>
internal sealed partial class Suspects(
    ReplicaClient replicas, IHostApplicationLifetime server, TimeProvider time, IOptions<GatewayOptions> options, ILogger<Suspects> log)
{
    /// <summary>
    /// Also before the first question: one that answers it and refuses requests all the same would else turn round and round.
    /// </summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>From now on no request goes there. One that the newest table does not have needs no suspicion.</summary>
    /// <param name="route">Of any table.</param>
    public void Add(Route route, ReplicaTarget replica)
    {
        if (!IsNamed(route, replica) || !replica.TrySuspect()) return;
        LogSuspected(replica.ReplicaId);
        _ = AskAsync(route, replica);
    }

    /// <summary>Ends with the suspicion: it answers, or the newest table does not have it any more.</summary>
    private async Task AskAsync(Route route, ReplicaTarget replica)
    {
        var stopping = server.ApplicationStopping;
        try
        {
            do
            {
                await Task.Delay(Pause, time, stopping);
            }
            while (IsNamed(route, replica) && !await AnswersAsync(replica, stopping));
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // Nobody is held any more.
        }
        finally
        {
            replica.Trust();
            route.Queue.PlaceFreed();
        }
    }

    private async Task<bool> AnswersAsync(ReplicaTarget replica, CancellationToken stopping)
    {
        using var phase = new PhaseTimeout(time, stopping);
        phase.Begin(options.Value.ConnectTimeout);
        try
        {
            return await replicas.AnswersAsync(replica, phase.Token);
        }
        catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
        {
            return false;
        }
    }

    private static bool IsNamed(Route route, ReplicaTarget replica) => route.Queue.Newest?.Ready.Contains(replica) == true;

    [LoggerMessage(Level = LogLevel.Warning, Message = "Replica {ReplicaId} broke off or was not reached: no request goes to it until it answers again or is replaced")]
    private partial void LogSuspected(string replicaId);
}
