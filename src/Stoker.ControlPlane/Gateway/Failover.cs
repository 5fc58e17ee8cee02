using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Stoker.ControlPlane.Autoscaling;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Routing;

namespace Stoker.ControlPlane.Gateway;

/// <summary>
/// Finds a request whose replica failed another one: to go on with the stream where it broke, or to run what the client
/// has nothing of once more.
/// </summary>
/// <remarks>
/// A request may be what kills replicas, so that it gets no more than <see cref="GatewayOptions.ResumeAttempts"/> of them
/// after the first, or <see cref="MostRunsAgain"/> while its client has nothing. One that has begun goes before those that wait, and waits
/// itself only while no replica is ready. One that has not waits like all others if its replica died; one whose replica answered
/// nonsense is the client's to send again where no other replica is ready. Of the deployment's load it stays a part.
/// </remarks>
internal sealed partial class Failover(Holding holding, LoadBoard loads, GatewayMetrics metrics, IOptions<GatewayOptions> options, ILogger<Failover> log)
{
    /// <summary>
    /// One dies with those that another request kills, also with the replica that comes in its place: twice is bad luck, more is a pattern.
    /// </summary>
    private const int MostRunsAgain = 2;

    /// <param name="end">How the replica ended the try; what the client is told when nobody goes on.</param>
    public async Task<Admittance> AdmitAsync(Exchange exchange, ForwardEnd end)
    {
        var (progress, route) = (exchange.Progress, exchange.Route.Newest ?? exchange.Route);
        var error = end.Error ?? RouteErrors.BrokeOff;
        var failed = end.BrokenBy ?? end.TurnedAwayBy!;
        if (end.BrokenBy is not null) progress.Breaks++;
        var obstacle = progress.HasBegun ? progress.Obstacle : null;
        if (route.BrokenStreams == BrokenStreams.Error) return Refused(exchange, BreakErrors.Policy, error);
        if (obstacle is not null) return Refused(exchange, obstacle, error);
        if (progress.HasBegun && route.ServedName != exchange.Route.ServedName) return Refused(exchange, BreakErrors.OtherKind, error); // other files of that name
        if (progress.Breaks > MostBreaks(progress)) return Refused(exchange, BreakErrors.Attempts, error);
        return progress is { HasBegun: true, Succession: { } succession }
            ? await GoOnAsync(exchange, route, succession, failed, error)
            : await RunAgainAsync(exchange, route, end.HadNoHead && !exchange.Rejects, failed, error);
    }

    /// <summary>Zero attempts are none, begun or not.</summary>
    private int MostBreaks(StreamProgress progress)
    {
        var attempts = options.Value.ResumeAttempts;
        return progress.HasBegun || attempts == 0 ? attempts : Math.Max(attempts, MostRunsAgain);
    }

    /// <param name="waits">For a replica, if no other is ready: the next one, or the same if it was a connection alone that broke.</param>
    private async Task<Admittance> RunAgainAsync(Exchange exchange, Route route, bool waits, ReplicaTarget failed, InferenceError error)
    {
        Admittance admitted;
        if (route.Pick(exchange.Prompt, except: failed) is { } now) admitted = new(route, now, null);
        else if (waits) admitted = await holding.AdmitAgainAsync(exchange, route);
        else return Refused(exchange, BreakErrors.NoReplica, error);

        if (admitted.Lease is not { } lease) return Counted(exchange, BreakErrors.NoReplica, admitted.Error ?? error);
        metrics.FailedOver("run_again");
        LogGoesOn(exchange.RequestId, failed.ReplicaId, lease.Replica.ReplicaId, 0);
        return admitted;
    }

    private async Task<Admittance> GoOnAsync(Exchange exchange, Route route, Succession succession, ReplicaTarget failed, InferenceError error)
    {
        succession.Failed(failed);
        var chance = succession.Among(route.Ready);
        if (chance == SuccessionChance.OtherKind) return Refused(exchange, BreakErrors.OtherKind, error);
        if (route.Pick(succession, exchange.Prompt) is { } now) return GoesOn(exchange, failed, new(route, now, null));
        if (!route.IsCallable) return Refused(exchange, BreakErrors.NoReplica, error);

        var admitted = await holding.AdmitBegunAsync(exchange, route, succession);
        if (admitted.Lease is not null) return GoesOn(exchange, failed, admitted);
        if (admitted.Error is { } other) return Counted(exchange, BreakErrors.NoReplica, other); // the queue is full, the server stops
        var newest = route.Newest;
        var isOther = newest is not null && succession.Among(newest.Ready) == SuccessionChance.OtherKind;
        var cause = isOther ? BreakErrors.OtherKind : BreakErrors.NoReplica;
        return Counted(exchange, cause, BreakErrors.For(cause, error));
    }

    private Admittance GoesOn(Exchange exchange, ReplicaTarget failed, Admittance admitted)
    {
        metrics.FailedOver("resumed");
        LogGoesOn(exchange.RequestId, failed.ReplicaId, admitted.Lease!.Replica.ReplicaId, exchange.Progress.Events);
        return admitted;
    }

    /// <summary>The request is no load any more.</summary>
    private Admittance Refused(Exchange exchange, string cause, InferenceError error)
    {
        loads.Of(exchange.Route.Name).Ended();
        if (exchange.Progress.HasBegun) return Counted(exchange, cause, BreakErrors.For(cause, error));
        return Counted(exchange, cause, cause == BreakErrors.Attempts && options.Value.ResumeAttempts > 0 ? BreakErrors.FailedAll(error) : error);
    }

    private Admittance Counted(Exchange exchange, string cause, InferenceError error)
    {
        metrics.FailedOver(cause);
        return Admittance.Refused(exchange.Route, error);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Request {RequestId}: replica {Failed} failed; goes on on {Replica} after {Events} events")]
    private partial void LogGoesOn(string requestId, string failed, string replica, int events);
}
