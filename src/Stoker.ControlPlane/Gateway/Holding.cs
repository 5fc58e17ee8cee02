using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Stoker.Api.Names;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Addons;
using Stoker.ControlPlane.Autoscaling;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Routing;

namespace Stoker.ControlPlane.Gateway;

/// <summary>
/// Finds a request its place on a replica. While there is none the request is held, and its client kept informed.
/// </summary>
/// <remarks>
/// A request that is held counts as load, and that alone wakes its deployment. It ends in one of these ways, each of
/// which is counted in <see cref="GatewayMetrics"/>:
/// <code>
/// a replica has a place               it goes on there
/// no replica will come                the error that a new request would get
/// its time is over, the server stops  503
/// its client hangs up                 nobody is told
/// </code>
/// The head of a stream is out by then, so its errors are events.
/// </remarks>
internal sealed class Holding(
    ReplicaDirectory replicas,
    LoadBoard loads,
    AddonDemand addons,
    ClientWriter client,
    GatewayMetrics metrics,
    IHostApplicationLifetime server,
    TimeProvider time,
    IOptions<GatewayOptions> options)
{
    /// <summary>
    /// Clients are promised a sign of life every 5 s; a busy machine is late by less than the second between.
    /// </summary>
    private static readonly TimeSpan CommentInterval = TimeSpan.FromSeconds(4);

    /// <summary>
    /// A runtime that after so long still calls a replica ready which failed a stream will not replace it.
    /// </summary>
    private static readonly TimeSpan NoticeTime = TimeSpan.FromSeconds(10);

    /// <summary>
    /// A place now where there is one and nobody waits before; else the request is held until it has one.
    /// </summary>
    public async Task<Admittance> AdmitAsync(Exchange exchange)
    {
        var (route, caller) = (exchange.Route, CallerOf(exchange.Context));
        var load = loads.Of(route.Name);
        if (PlaceNow(route, exchange) is { } free)
        {
            if (exchange.Ticket is { } ticket) route.Queue.Took(ticket.Fair);
            load.Began();
            return new(route, free, null);
        }

        if (!route.IsCallable) return Admittance.Refused(route, RouteErrors.NotReady(route, caller));
        if (!exchange.Rejects || IsBusy(route)) return await HoldAsync(exchange, route, new(exchange.Bytes, addon: route.Addon), isAgain: false);

        // It wakes the deployment all the same, by the same report as a held one.
        load.Held();
        load.Released();
        metrics.NotHeld("rejected");
        return Admittance.Refused(route, HoldErrors.Rejected(route, Estimate(route), caller));
    }

    /// <summary>
    /// Who would not run at once waits here and not at a full replica: the next free place may be on one that is only
    /// starting. Who is not to be held waits at the replica, as everywhere else; on the serverless tier nobody does, since
    /// there it would pass those whose turn it is.
    /// </summary>
    private static ReplicaLease? PlaceNow(Route route, Exchange exchange) =>
        exchange.Rejects && !route.IsShared ? route.Pick(exchange.Prompt) : route.Queue.Count == 0 ? route.PickFree(exchange.Prompt) : null;

    /// <summary>Everybody waits for a turn at replicas that are shared and ready: that is no cold start.</summary>
    private static bool IsBusy(Route route) => route is { IsShared: true, Ready.Count: > 0 };

    /// <summary>A request that has not begun, or of which its client has nothing, waits for a replica once more.</summary>
    /// <param name="except">One that ends and has turned it away.</param>
    public Task<Admittance> AdmitAgainAsync(Exchange exchange, Route route, ReplicaTarget? except = null) =>
        HoldAsync(exchange, route, new(exchange.Bytes, except, addon: route.Addon), isAgain: true);

    /// <summary>A replica says that it lacks the request's addon: another one takes it, or the same when it has the addon again.</summary>
    public Task<Admittance> AdmitElsewhereAsync(Exchange exchange, Route route, ReplicaTarget lacking) =>
        HoldAsync(exchange, route, new(exchange.Bytes, lacking, addon: route.Addon) { ExceptWhileAddonIsSame = true }, isAgain: true);

    /// <summary>A stream that has begun waits for a replica that can go on with it; neither place nor error when none did come.</summary>
    public Task<Admittance> AdmitBegunAsync(Exchange exchange, Route route, Succession succession) =>
        HoldAsync(exchange, route, new(exchange.Bytes, succession: succession, addon: route.Addon), isAgain: true);

    private async Task<Admittance> HoldAsync(Exchange exchange, Route route, HeldRequest held, bool isAgain)
    {
        var (context, load) = (exchange.Context, loads.Of(route.Name));
        var bounds = HoldBounds.Of(route.Hold, options.Value);
        (held.Ticket, held.Prompt) = (exchange.Ticket?.Fair, exchange.Prompt);
        var refusal = route.Queue.TryEnter(held, route, bounds.MaxRequests, bounds.MaxBytes);
        if (refusal != HoldRefusal.None)
        {
            if (isAgain) load.Ended();
            metrics.NotHeld("queue_full");
            return Admittance.Refused(route, HoldErrors.Full(refusal, route, bounds, Estimate(route)));
        }

        if (isAgain) load.HeldAgain();
        else load.Held();
        metrics.Held();
        if (route.Addon is { } wanted) addons.Wait(route.Name, wanted.Model, isLacking: route.Ready.Count < route.Whole.Ready.Count);
        var since = time.GetTimestamp();
        var end = HoldEnd.Broken;
        try
        {
            // One that has begun waits anew: what it was held for was its beginning.
            var left = held.Succession is null ? bounds.Timeout - exchange.Held : bounds.Timeout;
            end = await WaitAsync(context, route, held, exchange.Request.Stream, left);
        }
        finally
        {
            exchange.Held += time.GetElapsedTime(since);
            if (route.Addon is { } waited) addons.EndWait(route.Name, waited.Model);
            // Whatever ended the wait, the place may have come in the same moment.
            if (end != HoldEnd.Answered && !route.Queue.TryLeave(held)) await GiveUpAsync(held);
            if (end != HoldEnd.Answered) Leave(load, end, since);
        }

        return end switch
        {
            HoldEnd.Answered => Go(context, route, await held.Answer, load, since, held.Succession is not null),
            HoldEnd.TimedOut when held.Succession is not null => new(route, null, null),
            HoldEnd.TimedOut => Admittance.Refused(route, HoldErrors.TimedOut(Newest(route), bounds, Estimate(route), CallerOf(context))),
            HoldEnd.ServerStops => Admittance.Refused(route, HoldErrors.Stopping),
            _ => throw new OperationCanceledException("The client hung up", context.RequestAborted),
        };
    }

    private async Task<HoldEnd> WaitAsync(HttpContext context, Route route, HeldRequest held, bool streams, TimeSpan timeout)
    {
        var since = time.GetTimestamp();
        var isBusy = held.Succession is null && Newest(route).Ready.Count > 0; // no cold start: a place comes soon, and an error keeps its status until then
        using var over = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, server.ApplicationStopping);
        while (!held.Answer.IsCompleted)
        {
            if (context.RequestAborted.IsCancellationRequested) return HoldEnd.ClientGone;
            if (server.ApplicationStopping.IsCancellationRequested) return HoldEnd.ServerStops;
            if (streams && !isBusy && !await CommentAsync(context, route)) return HoldEnd.ClientGone;
            isBusy = false;
            var left = timeout - time.GetElapsedTime(since);
            var unnoticed = held.Succession?.Among(Newest(route).Ready) == SuccessionChance.OnlyFailed;
            if (unnoticed && left > NoticeTime - time.GetElapsedTime(since)) left = NoticeTime - time.GetElapsedTime(since);
            if (left <= TimeSpan.Zero) return HoldEnd.TimedOut;
            var pause = streams && left > CommentInterval ? CommentInterval : left;
            await Task.WhenAny(held.Answer, Task.Delay(pause, time, over.Token));
        }

        await over.CancelAsync(); // takes the timer down
        return HoldEnd.Answered;
    }

    /// <returns>False when the client is gone, or does not read.</returns>
    private async ValueTask<bool> CommentAsync(HttpContext context, Route route)
    {
        var response = context.Response;
        if (!response.HasStarted)
        {
            StreamHead.Set(context);
            response.Headers[Forwarder.DeploymentHeader] = route.Name.ToString();
        }

        var newest = Newest(route);
        HoldComment.Write(response.BodyWriter, Estimate(route), newest.Ready.Count > 0, newest.Waiting == Waiting.Capacity, route.Queue.Count);
        if (await client.FlushAsync(context)) return true;
        context.Abort();
        return false;
    }

    private Admittance Go(HttpContext context, Route route, HoldAnswer answer, DeploymentLoad load, long since, bool hasBegun)
    {
        if (answer is { Lease: { } lease, Route: { } now })
        {
            load.HeldBegan();
            metrics.Released("released", time.GetElapsedTime(since));
            return new(now, lease, null);
        }

        Leave(load, HoldEnd.Answered, since);
        if (hasBegun) return new(route, null, null);
        return Admittance.Refused(route, answer.Route is { } other ? RouteErrors.NotReady(other, CallerOf(context)) : InferenceError.ModelNotFound);
    }

    private void Leave(DeploymentLoad load, HoldEnd end, long since)
    {
        load.Released();
        metrics.Released(
            end switch
            {
                HoldEnd.Answered => "not_served",
                HoldEnd.TimedOut => "timeout",
                HoldEnd.ServerStops => "server_stopping",
                _ => "client_gone",
            },
            time.GetElapsedTime(since));
    }

    private static async Task GiveUpAsync(HeldRequest held)
    {
        var answer = await held.Answer; // given already: it is on its way through the pool
        answer.Lease?.Dispose();
    }

    private StartEstimate Estimate(Route route) => replicas.Starts.Estimate(route.Name, time.GetUtcNow());

    private static AccountName CallerOf(HttpContext context) => context.GetPrincipal().Account;

    private static Route Newest(Route route) => route.Newest ?? route;

    private enum HoldEnd
    {
        Broken,
        Answered,
        TimedOut,
        ClientGone,
        ServerStops,
    }
}
