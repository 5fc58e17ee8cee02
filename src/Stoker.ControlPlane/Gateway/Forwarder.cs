using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Stoker.Api.Replicas;
using Stoker.ControlPlane.Addons;
using Stoker.ControlPlane.Routing;
using Stoker.ControlPlane.Serverless;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Gateway;

/// <summary>A request that is sound and has a deployment.</summary>
/// <param name="Arrived">A timestamp of the clock: when its last byte was here.</param>
internal sealed record Exchange(
    HttpContext Context, Surface Surface, RequestBody Body, ScannedRequest Request, Route Route, ReplicaHeaders Headers, StreamProgress Progress, long Arrived)
{
    public string RequestId => Headers.RequestId;

    public int Bytes => Body.Bytes.Length;

    /// <summary>What the choice of a replica goes by.</summary>
    public RoutedPrompt? Prompt { get; init; }

    /// <summary>The client asked not to be held.</summary>
    public bool Rejects { get; init; }

    /// <summary>How long it has been held so far, each time it was: the longest hold is of all of them.</summary>
    public TimeSpan Held { get; set; }

    public SeenUsage Usage { get; } = new();

    /// <summary>Its row in the ledger, one for all tries; there before a place is looked for.</summary>
    public RequestMeter Meter { get; set; } = null!;

    /// <summary>What it counts as on the serverless tier; null on a deployment of its account's own.</summary>
    public ServerlessTicket? Ticket { get; init; }

    /// <summary>From the request's last byte on its way to the newest replica to the head of its answer.</summary>
    public TimeSpan? ReplicaTook { get; set; }

    /// <summary>The stream ended with the replica's own error, which the client has.</summary>
    public bool ReplicaFailed { get; set; }
}

/// <summary>How a try to have a request answered ended.</summary>
/// <param name="Error">The error to answer with; null when the answer is out, or with the second.</param>
/// <param name="TurnedAwayBy">A replica that ends and has not begun the request.</param>
/// <param name="LackedBy">A replica that does not have the request's addon, and was to have it.</param>
/// <param name="BrokenBy">A replica that failed it on the way; the error is what the client gets if nobody else takes it.</param>
/// <param name="HadNoHead">Of that one nothing of an answer came: it is dead, or as good as that.</param>
/// <param name="Unreached">No replica was reached, so that it has surely not begun; those that were tried are suspected.</param>
internal readonly record struct ForwardEnd(
    InferenceError? Error, ReplicaTarget? TurnedAwayBy = null, ReplicaTarget? BrokenBy = null, ReplicaTarget? LackedBy = null, bool HadNoHead = false, bool Unreached = false)
{
    public bool WantsAnother => Unreached || TurnedAwayBy is not null || BrokenBy is not null || LackedBy is not null;
}

/// <summary>
/// Sends a request to a replica and passes the answer on. Every place it takes there it gives back, however it ends.
/// </summary>
internal sealed partial class Forwarder(
    ReplicaClient replicas,
    ClientWriter client,
    AnswerRelay answers,
    AddonDemand addons,
    Suspects suspects,
    GatewayMetrics metrics,
    TimeProvider time,
    IOptions<GatewayOptions> options,
    ILogger<Forwarder> log)
{
    // For the end of a stream after its last event, so that the connection can be used again.
    private static readonly TimeSpan TailTimeout = TimeSpan.FromSeconds(1);

    public const string DeploymentHeader = "fireworks-deployment";

    /// <param name="lease">The request's place; given back when the replica is done with it.</param>
    public async Task<ForwardEnd> ForwardAsync(Exchange exchange, ReplicaLease lease)
    {
        var served = ModelNames.Quote(exchange.Route.ServedName);
        using var phase = new PhaseTimeout(time, exchange.Context.RequestAborted);
        var (first, error) = await SendAsync(exchange, lease.Replica, served, phase);
        if (first is not null && Lacks(exchange, first)) return Lacking(exchange, lease.Replica, first);
        if (first is not null && !IsTurnedAway(first)) return await PassAsync(exchange, lease, first, served, phase);
        if (error is not null) return Failed(exchange, lease.Replica, error);

        // Nothing of it ran: one more try, on another replica.
        if (first is null) suspects.Add(exchange.Route, lease.Replica); // before its place is free
        first?.Dispose();
        lease.Dispose();
        if (exchange.Progress.HasBegun) return new(null, lease.Replica); // who may go on with it is not for here
        using var secondLease = exchange.Route.Pick(exchange.Prompt, except: lease.Replica);
        if (secondLease is null) return Untaken(lease.Replica, isUnreached: first is null);
        (var second, error) = await SendAsync(exchange, secondLease.Replica, served, phase);
        if (second is not null && Lacks(exchange, second)) return Lacking(exchange, secondLease.Replica, second);
        if (second is not null && !IsTurnedAway(second)) return await PassAsync(exchange, secondLease, second, served, phase);
        if (error is not null) return Failed(exchange, secondLease.Replica, error);
        if (second is null) suspects.Add(exchange.Route, secondLease.Replica);
        second?.Dispose();
        return Untaken(secondLease.Replica, isUnreached: second is null);
    }

    /// <summary>The paths of inference are always there: what such an answer misses is the addon.</summary>
    private static bool Lacks(Exchange exchange, HttpResponseMessage answer) => answer.StatusCode == HttpStatusCode.NotFound && exchange.Route.Addon is not null;

    /// <summary>Somebody took the addon from it behind our back, or the table is a moment old.</summary>
    private ForwardEnd Lacking(Exchange exchange, ReplicaTarget replica, HttpResponseMessage answer)
    {
        answer.Dispose(); // its words have its own name for the addon
        LogLacks(exchange.RequestId, replica.ReplicaId);
        addons.Lost(exchange.Route.Name, new(replica.ReplicaId, exchange.Route.ServedName));
        return exchange.Progress.HasBegun ? new(null, TurnedAwayBy: replica) : new(null, LackedBy: replica);
    }

    private ForwardEnd Failed(Exchange exchange, ReplicaTarget replica, InferenceError error)
    {
        replica.Answers.Failed();
        if (error != RouteErrors.BrokeOff) return new(error);
        suspects.Add(exchange.Route, replica);
        return new(error, BrokenBy: replica, HadNoHead: true);
    }

    /// <summary>It drains: it was picked by a table that is a moment old.</summary>
    private static bool IsTurnedAway(HttpResponseMessage answer) =>
        answer.StatusCode == HttpStatusCode.ServiceUnavailable && answer.Headers.NonValidated.Contains(ReplicaProtocol.TurnedAwayHeader);

    /// <summary>
    /// One that drains will not take it any more. One that was not reached may be busy or gone: who suspects it finds out.
    /// </summary>
    private static ForwardEnd Untaken(ReplicaTarget replica, bool isUnreached) =>
        isUnreached ? new(null, Unreached: true) : new(null, TurnedAwayBy: replica);

    /// <returns>
    /// The head of an answer, or an error; neither when the replica could not be reached and nothing was sent.
    /// </returns>
    private async Task<(HttpResponseMessage? Answer, InferenceError? Error)> SendAsync(
        Exchange exchange, ReplicaTarget replica, byte[] served, PhaseTimeout phase)
    {
        var progress = exchange.Progress;
        using var content = new SplicedContent(exchange.Body.Bytes, exchange.Request, served, time, progress.Field());
        var headers = exchange.Headers with { Resume = progress.Ask(exchange.Route, replica, exchange.Request) };
        phase.Begin(options.Value.FirstByteTimeout);
        exchange.Meter.Replica = replica;
        var sent = time.GetTimestamp();
        try
        {
            var path = exchange.Surface == Surface.Chat ? "/v1/chat/completions" : "/v1/completions";
            var answer = await replicas.SendAsync(replica, path, content, headers, phase.Token);
            exchange.ReplicaTook = content.WrittenAt is { } written ? time.GetElapsedTime(written) : null; // it may answer before it has all
            if (progress.HasBegun || Lacks(exchange, answer)) return (answer, null); // what it waited for was no first token
            progress.Follow(replica, answer.Headers);
            exchange.Meter.Answered();
            metrics.FirstByte(time.GetElapsedTime(exchange.Arrived), exchange.ReplicaTook);
            if (exchange.Request.Stream && answer.StatusCode == HttpStatusCode.OK) replica.Answers.FirstToken(time.GetElapsedTime(sent));
            return (answer, null);
        }
        catch (HttpRequestException error)
        {
            if (phase.TimedOut) return (null, RouteErrors.TooSlow);
            phase.Token.ThrowIfCancellationRequested();
            LogFailed(exchange.RequestId, replica.ReplicaId, error.HttpRequestError, content.Started);
            return (null, content.Started ? RouteErrors.BrokeOff : null);
        }
        catch (OperationCanceledException) when (phase.TimedOut)
        {
            LogTooSlow(exchange.RequestId, replica.ReplicaId);
            return (null, RouteErrors.TooSlow);
        }
        catch (OperationCanceledException) when (!phase.ClientGone)
        {
            // the connect timeout
            LogFailed(exchange.RequestId, replica.ReplicaId, HttpRequestError.ConnectionError, content.Started);
            return (null, content.Started ? RouteErrors.BrokeOff : null);
        }
    }

    private async Task<ForwardEnd> PassAsync(
        Exchange exchange, ReplicaLease lease, HttpResponseMessage answer, byte[] served, PhaseTimeout phase)
    {
        using var _ = answer;
        var context = exchange.Context;
        if (answer.StatusCode == HttpStatusCode.OK) FirstToken.Tell(lease, answer.Headers);
        if (!context.Response.HasStarted) context.Response.Headers[DeploymentHeader] = exchange.Route.Name.ToString();
        var error = await PassBodyAsync(exchange, lease, answer, served, phase);
        var failed = exchange.ReplicaFailed || error == RouteErrors.BrokeOff || error == RouteErrors.TooSlow || answer.StatusCode >= HttpStatusCode.InternalServerError;
        if (failed) lease.Replica.Answers.Failed();
        else lease.Replica.Answers.Answered();
        if (exchange.ReplicaTook is { } took) LogReplicaTook(exchange.RequestId, lease.Replica.ReplicaId, took.TotalMilliseconds);
        if (error == RouteErrors.BrokeOff) LogBrokeOff(exchange.RequestId, lease.Replica.ReplicaId, (int)answer.StatusCode);
        if (error == RouteErrors.BrokeOff || (error == RouteErrors.TooSlow && exchange.Progress.HasBegun)) return new(error, BrokenBy: lease.Replica);
        if (error is null || !context.Response.HasStarted) return new(error);

        // The head is out: the error is the stream's last event, and no [DONE] follows.
        metrics.Broke(error.Code);
        await exchange.Meter.EndAsync(RequestStatus.Failed, error.Code);
        await client.EndStreamAsync(context, error);
        return new(null);
    }

    private async Task<InferenceError?> PassBodyAsync(
        Exchange exchange, ReplicaLease lease, HttpResponseMessage answer, byte[] served, PhaseTimeout phase)
    {
        var asked = ModelNames.Quote(exchange.Request.Model);
        if (answer.StatusCode != HttpStatusCode.OK)
        {
            var isEvent = exchange.Context.Response.HasStarted; // it was held
            var failed = await answers.PassErrorAsync(exchange, answer, phase);
            if (isEvent && failed is null) metrics.Broke("REPLICA_ERROR");
            return failed;
        }

        var isStream = answer.Content.Headers.ContentType?.MediaType == "text/event-stream";
        if (isStream != exchange.Request.Stream) return RouteErrors.BrokeOff;
        if (isStream) return await PassStreamAsync(exchange, answer, phase, served, asked);
        return await answers.PassAnswerAsync(
            exchange, answer, phase, asked, () => time.GetElapsedTime(exchange.Arrived), replicaIsDone: lease.Dispose);
    }

    private async Task<InferenceError?> PassStreamAsync(
        Exchange exchange, HttpResponseMessage answer, PhaseTimeout phase, byte[] served, byte[] asked)
    {
        var context = exchange.Context;
        await using var stream = await answer.Content.ReadAsStreamAsync(phase.Token);
        switch (await new EventRelay(exchange, stream, client, phase, options.Value, served, asked).RunAsync())
        {
            case StreamEnd.Complete:
                await context.Response.CompleteAsync();
                await ReadTailAsync(stream, phase);
                return null;
            // what the client has is whole, but for the mark of its end
            case StreamEnd.BrokeOff or StreamEnd.EngineFailed or StreamEnd.TooSlow when exchange is { Usage.IsTold: true, Progress.CanGoOn: true }:
                metrics.FailedOver("whole");
                await exchange.Meter.FinishedAsync();
                await client.EndWholeAsync(context);
                return null;
            case StreamEnd.TooSlow: return RouteErrors.TooSlow;
            case StreamEnd.EventTooLarge: return RouteErrors.AnswerTooLarge;
            case StreamEnd.BrokeOff or StreamEnd.EngineFailed: return RouteErrors.BrokeOff;
            case StreamEnd.ReplicaError:
                exchange.ReplicaFailed = true;
                metrics.Broke("REPLICA_ERROR");
                return null;
            case StreamEnd.SlowReader:
                metrics.Broke("SLOW_READER");
                context.Abort();
                return null;
            // nobody is there to be told
            default: throw new OperationCanceledException("The client hung up", context.RequestAborted);
        }
    }

    /// <summary>Takes the end of the body off the connection, which only then goes back to the pool.</summary>
    private static async Task ReadTailAsync(Stream stream, PhaseTimeout phase)
    {
        phase.Begin(TailTimeout);
        try
        {
            await stream.ReadExactlyAsync(new byte[1], phase.Token);
        }
        catch (Exception error) when (error is IOException or OperationCanceledException or HttpRequestException)
        {
            // The end, as it should be (EndOfStreamException); or a connection that is worth nothing any more.
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "Request {RequestId}: replica {ReplicaId} failed with {Cause}; body sent: {Sent}")]
    private partial void LogFailed(string requestId, string replicaId, HttpRequestError cause, bool sent);

    [LoggerMessage(Level = LogLevel.Debug, Message = "Request {RequestId}: replica {ReplicaId} began its answer {Milliseconds:F2} ms after it had the request")]
    private partial void LogReplicaTook(string requestId, string replicaId, double milliseconds);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Request {RequestId}: replica {ReplicaId} does not have its addon; it goes to another, or waits until this one has it")]
    private partial void LogLacks(string requestId, string replicaId);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Request {RequestId}: replica {ReplicaId} did not answer in time")]
    private partial void LogTooSlow(string requestId, string replicaId);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Request {RequestId}: the answer of replica {ReplicaId} (status {Status}) broke off or was none")]
    private partial void LogBrokeOff(string requestId, string replicaId, int status);
}
