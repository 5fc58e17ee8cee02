using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Autoscaling;
using Stoker.ControlPlane.Metering;
using Stoker.ControlPlane.Routing;
using Stoker.ControlPlane.Storage;
using BadHttpRequestException = Microsoft.AspNetCore.Http.BadHttpRequestException;

namespace Stoker.ControlPlane.Gateway;

/// <summary>One inference request from its first byte to its last.</summary>
/// <remarks>
/// Steps: 1 authenticate, 2 read the body, 3 look it over, 4 find the deployment, and whether its tier lets the request in, 5 begin it in the ledger, wait for a replica and forward (<see
/// cref="Holding"/>, <see cref="Forwarder"/>, and <see cref="Failover"/> where that failed). An error before the head of the answer is returned and written here, in one place; a stream that was held gets it as an event. Nothing of a
/// body is logged: of an unforeseen exception only its type and stack are, because a message may quote what it choked
/// on.
/// </remarks>
internal sealed partial class InferenceHandler(
    Authenticator authenticator,
    RoutingSource routing,
    LoadBoard loads,
    Holding holding,
    Forwarder forwarder,
    Failover failover,
    ServerlessAdmission admission,
    RequestLedger requests,
    ReplicaClient replicas,
    ClientWriter client,
    BodyBudget budget,
    GatewayMetrics metrics,
    TimeProvider time,
    IOptions<GatewayOptions> options,
    ILogger<InferenceHandler> log)
{
    /// <summary>
    /// Replicas that may say of one request that they lack its addon. The table is told of each, so that a second one is rare
    /// already; more is a replica that loads and does not serve.
    /// </summary>
    private const int MostLacks = 5;

    /// <summary>For a replica to end what was cancelled, and to say what it had done: it waits for 5 s itself.</summary>
    private static readonly TimeSpan UsagePatience = TimeSpan.FromSeconds(6);

    public async Task HandleAsync(HttpContext context, Surface surface)
    {
        var requestId = RequestIds.Assign(context);
        var outcome = "answered";
        metrics.Began();
        try
        {
            if (await RunAsync(context, surface, requestId) is { } error)
            {
                outcome = error.Code;
                await AnswerAsync(context, error);
            }
        }
        catch (Exception error) when (IsHangUp(error, context.RequestAborted))
        {
            outcome = "client_gone";
        }
        catch (Exception error)
        {
            outcome = "internal";
            LogUnforeseen(requestId, error.GetType().Name, error.StackTrace);
            await EndBrokenAsync(context);
        }
        finally
        {
            metrics.Ended(outcome);
        }
    }

    private async Task<InferenceError?> RunAsync(HttpContext context, Surface surface, string requestId)
    {
        // 1: before a byte of the body is read.
        if (!authenticator.TryAuthenticate(context, KeyScopes.Inference, out var caller, out var refusal)) return InferenceError.Refused(refusal);

        // 2
        using var body = new RequestBody(options.Value, budget);
        if (await ReadAsync(context, body) is { } unread) return unread;

        // 3
        if (IsolationKeys.Read(context.Request.Headers, out var isolationKey) is { } badHeader) return badHeader;
        if (ColdStartHeader.Read(context.Request.Headers, out var rejects) is { } badWish) return badWish;
        if (RequestScan.Run(body.Bytes.Span, surface, options.Value, out var request) is { } unsound) return unsound;

        // 4
        var table = await routing.KnownAsync(options.Value.StartPatience, time, context.RequestAborted);
        if (!table.IsKnown) return RouteErrors.NothingKnown;
        var reference = ModelReference.Parse(request!.Model);
        var route = reference is null ? null : table.Find(caller.Account, reference);
        if (route is null) return ServerlessAdmission.Missing(table, reference);
        if (admission.Admit(context, route, caller.Account, body.Bytes.Length, out var ticket) is { } limited) return limited;

        // 5
        var arrived = time.GetTimestamp();
        var headers = new ReplicaHeaders(requestId, $"{caller.Account} {route.Name}", isolationKey);
        using var progress = new StreamProgress(options.Value, budget);
        using var prompt = PromptReading.Read(context.Request.Headers, body.Bytes.Span, request, headers, route);
        var exchange = new Exchange(context, surface, body, request, route, headers, progress, arrived) { Rejects = rejects, Ticket = ticket, Prompt = prompt };
        try
        {
            return Begin(exchange, caller) ?? await MeterAsync(exchange);
        }
        finally
        {
            if (ticket is not null) admission.End(ticket, exchange);
        }
    }

    /// <summary>What cannot be written down is not run: it could not be paid for.</summary>
    private InferenceError? Begin(Exchange exchange, Principal caller)
    {
        var route = exchange.Route;
        try
        {
            var open = requests.Begin(exchange.RequestId, RequestIds.Sent(exchange.Context), caller, route.Name, route.BaseModel, route.Addon?.Model);
            exchange.Meter = new(open, exchange.Usage);
            return null;
        }
        catch (StorageException error)
        {
            LogUnwritten(exchange.RequestId, error);
            return RouteErrors.NotWritten;
        }
    }

    /// <summary>Serves a request and sees to its row, however it ends; who lets the client see an end has written it before.</summary>
    private async Task<InferenceError?> MeterAsync(Exchange exchange)
    {
        var meter = exchange.Meter;
        try
        {
            var error = await ServeAsync(exchange);
            if (error is not null) await meter.EndAsync(StatusOf(error), error.Code);
            else if (!meter.HasEnded) await CancelledAsync(exchange, RequestMeter.SlowReader);
            return error;
        }
        catch (Exception error)
        {
            if (IsHangUp(error, exchange.Context.RequestAborted)) await CancelledAsync(exchange, RequestMeter.ClientGone);
            else await meter.EndAsync(RequestStatus.Failed, "INTERNAL");
            throw;
        }
    }

    /// <summary>Nobody waits any more: the replica is asked how far it came.</summary>
    private async Task CancelledAsync(Exchange exchange, string reason)
    {
        if (exchange.Meter is { HasEnded: false, Replica: { } replica } && !exchange.Usage.IsTold)
        {
            using var patience = new CancellationTokenSource(UsagePatience, time);
            if (await replicas.UsageAsync(replica, exchange.RequestId, patience.Token) is { } usage) exchange.Usage.Note(usage);
        }

        await exchange.Meter.EndAsync(RequestStatus.Cancelled, reason);
    }

    /// <summary>An answer that a replica owes failed; all else was none.</summary>
    private static RequestStatus StatusOf(InferenceError error) =>
        error.Status is StatusCodes.Status502BadGateway or StatusCodes.Status504GatewayTimeout ? RequestStatus.Failed : RequestStatus.Refused;

    /// <summary>
    /// Waits for a place and has the request answered; again when a replica ends just then and turns it away, or fails.
    /// </summary>
    private async Task<InferenceError?> ServeAsync(Exchange exchange)
    {
        var (load, lacks) = (loads.Of(exchange.Route.Name), 0);
        var admitted = await holding.AdmitAsync(exchange);
        while (admitted.Lease is { } lease)
        {
            ForwardEnd end = default;
            exchange = exchange with { Route = admitted.Route };
            try
            {
                NoteRouted(exchange.RequestId, lease, admitted.Route.Ready.Count);
                end = await forwarder.ForwardAsync(exchange, lease);
                if (!end.WantsAnother) return end.Error;
            }
            finally
            {
                lease.Dispose();
                if (!end.WantsAnother) End(load, exchange.Usage);
            }

            if (end.LackedBy is { } lacking)
            {
                if (++lacks > MostLacks) return Refused(load, RouteErrors.AddonLost);
                admitted = await holding.AdmitElsewhereAsync(exchange, admitted.Route, lacking);
                continue;
            }

            if (end.Unreached && exchange.Rejects) return Refused(load, RouteErrors.Unreachable);
            admitted = end.Unreached || (end.TurnedAwayBy is not null && !exchange.Progress.HasBegun)
                ? await holding.AdmitAgainAsync(exchange, admitted.Route, except: end.TurnedAwayBy)
                : await failover.AdmitAsync(exchange, end);
        }

        return admitted.Error;
    }

    /// <summary>After a try: the request is no load any more.</summary>
    private static InferenceError Refused(DeploymentLoad load, InferenceError error)
    {
        load.Ended();
        return error;
    }

    private static void End(DeploymentLoad load, SeenUsage usage)
    {
        load.Tokens(usage.PromptTokens, usage.GeneratedTokens);
        load.Ended();
    }

    private async Task AnswerAsync(HttpContext context, InferenceError error)
    {
        if (!context.Response.HasStarted)
        {
            await error.WriteAsync(context);
            return;
        }

        metrics.Broke(error.Code);
        await client.EndStreamAsync(context, error);
    }

    /// <summary>Whether it is the client's end that it tells of, seen here or by who wrote to it.</summary>
    private static bool IsHangUp(Exception error, CancellationToken aborted) => error switch
    {
        OperationCanceledException cancelled => aborted.IsCancellationRequested || cancelled.CancellationToken == aborted,
        IOException => aborted.IsCancellationRequested,
        _ => false,
    };

    private async Task<InferenceError?> ReadAsync(HttpContext context, RequestBody body)
    {
        var limits = options.Value;
        // The server's own limit gives way: RequestBody counts, and answers in this surface's form.
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size) size.MaxRequestBodySize = null;
        if (context.Features.Get<IHttpMinRequestBodyDataRateFeature>() is { } rate)
        {
            rate.MinDataRate = new MinDataRate(limits.MinBodyBytesPerSecond, limits.MinBodyRateGrace);
        }

        using var phase = new PhaseTimeout(time, context.RequestAborted);
        phase.Begin(limits.RequestBodyTimeout);
        try
        {
            return await body.ReadAsync(context.Request, phase.Token);
        }
        catch (OperationCanceledException) when (phase.TimedOut)
        {
            return BodyTooSlow;
        }
        catch (BadHttpRequestException error)
        {
            // The server's own findings: too slow a body, broken chunks, an end before its length.
            return error.StatusCode == StatusCodes.Status408RequestTimeout
                ? BodyTooSlow
                : new(error.StatusCode, "INVALID_ARGUMENT", "The body could not be read: its length or its chunks are wrong");
        }
    }

    /// <summary>
    /// After a bug: an error while the head is not out; of a stream an error event, where that can be told from what came
    /// before; else a cut connection, so that nobody takes the half for the whole.
    /// </summary>
    private async Task EndBrokenAsync(HttpContext context)
    {
        if (!context.Response.HasStarted)
        {
            await Unforeseen.WriteAsync(context);
            return;
        }

        metrics.Broke(Unforeseen.Code);
        if (!await client.TryEndStreamAsync(context, Unforeseen)) context.Abort();
    }

    private static InferenceError BodyTooSlow { get; } = new(
        StatusCodes.Status408RequestTimeout, "REQUEST_TIMEOUT", "The body did not arrive in time: send it again over a faster connection");

    private static InferenceError Unforeseen { get; } = new(
        StatusCodes.Status500InternalServerError, "INTERNAL", "The server failed on this request: give x-fireworks-request-id to its operator");

    private void NoteRouted(string requestId, ReplicaLease lease, int ready)
    {
        metrics.Routed(lease);
        if (!log.IsEnabled(LogLevel.Debug)) return;
        var (chosen, view) = (lease.Chosen, lease.Chosen.View);
        LogRouted(requestId, lease.Replica.ReplicaId, ready, chosen.Seconds * 1000, view.Wait * 1000, view.CachedBytes, lease.PromptBytes, view.Running, chosen.ByHint);
    }

    [LoggerMessage(
        Level = LogLevel.Debug,
        Message = "Request {RequestId}: to replica {ReplicaId} of {Ready}; first token estimated in {Estimate:F1} ms: {Wait:F1} ms wait, {Cached} of {Bytes} bytes cached, {Running} requests there; its session's: {IsSession}")]
    private partial void LogRouted(string requestId, string replicaId, int ready, double estimate, double wait, long cached, long bytes, int running, bool isSession);

    [LoggerMessage(Level = LogLevel.Error, Message = "Request {RequestId} is refused: it cannot be written down")]
    private partial void LogUnwritten(string requestId, Exception error);

    [LoggerMessage(Level = LogLevel.Error, Message = "Request {RequestId} met an unforeseen {Error}\n{Stack}")]
    private partial void LogUnforeseen(string requestId, string error, string? stack);
}
