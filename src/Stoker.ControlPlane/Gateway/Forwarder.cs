using System.Net;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Stoker.ControlPlane.Routing;

namespace Stoker.ControlPlane.Gateway;

/// <summary>A request that is sound and has a deployment.</summary>
/// <param name="Arrived">A timestamp of the clock: when its last byte was here.</param>
internal sealed record Exchange(
    HttpContext Context, Surface Surface, RequestBody Body, ScannedRequest Request, Route Route, ReplicaHeaders Headers, long Arrived)
{
    public string RequestId => Headers.RequestId;
}

/// <summary>
/// Sends a request to a replica and passes the answer on. Every place it takes there it gives back, however it ends.
/// </summary>
internal sealed partial class Forwarder(
    ReplicaClient replicas,
    ClientWriter client,
    AnswerRelay answers,
    GatewayMetrics metrics,
    TimeProvider time,
    IOptions<GatewayOptions> options,
    ILogger<Forwarder> log)
{
    // For the end of a stream after its last event, so that the connection can be used again.
    private static readonly TimeSpan TailTimeout = TimeSpan.FromSeconds(1);

    /// <returns>The error to answer with, or null when the answer is out.</returns>
    public async Task<InferenceError?> ForwardAsync(Exchange exchange)
    {
        var served = ModelNames.Quote(exchange.Route.ServedName);
        using var phase = new PhaseTimeout(time, exchange.Context.RequestAborted);
        using var lease = exchange.Route.Pick();
        if (lease is null) return RouteErrors.NotReady(exchange.Route);
        var (first, error) = await SendAsync(exchange, lease.Replica, served, phase);
        if (first is not null) return await PassAsync(exchange, lease, first, served, phase);
        if (error is not null) return error;

        // Nothing was sent: one more try, on another replica.
        lease.Dispose();
        using var secondLease = exchange.Route.Pick(except: lease.Replica);
        if (secondLease is null) return RouteErrors.Unreachable;
        (var second, error) = await SendAsync(exchange, secondLease.Replica, served, phase);
        return second is null
            ? error ?? RouteErrors.Unreachable
            : await PassAsync(exchange, secondLease, second, served, phase);
    }

    /// <returns>
    /// The head of an answer, or an error; neither when the replica could not be reached and nothing was sent.
    /// </returns>
    private async Task<(HttpResponseMessage? Answer, InferenceError? Error)> SendAsync(
        Exchange exchange, ReplicaTarget replica, byte[] served, PhaseTimeout phase)
    {
        using var content = new SplicedContent(exchange.Body.Bytes, exchange.Request, served);
        phase.Begin(options.Value.FirstByteTimeout);
        try
        {
            var path = exchange.Surface == Surface.Chat ? "/v1/chat/completions" : "/v1/completions";
            var answer = await replicas.SendAsync(replica, path, content, exchange.Headers, phase.Token);
            metrics.FirstByte(time.GetElapsedTime(exchange.Arrived));
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

    private async Task<InferenceError?> PassAsync(
        Exchange exchange, ReplicaLease lease, HttpResponseMessage answer, byte[] served, PhaseTimeout phase)
    {
        using var _ = answer;
        var context = exchange.Context;
        context.Response.Headers["fireworks-deployment"] = exchange.Route.Name.ToString();
        var error = await PassBodyAsync(exchange, lease, answer, served, phase);
        if (error == RouteErrors.BrokeOff) LogBrokeOff(exchange.RequestId, lease.Replica.ReplicaId, (int)answer.StatusCode);
        if (error is null || !context.Response.HasStarted) return error;

        // The head is out: the error is the stream's last event, and no [DONE] follows.
        metrics.Broke(error.Code);
        error.WriteEvent(context.Response.BodyWriter);
        if (!await client.FlushAsync(context)) context.Abort();
        return null;
    }

    private async Task<InferenceError?> PassBodyAsync(
        Exchange exchange, ReplicaLease lease, HttpResponseMessage answer, byte[] served, PhaseTimeout phase)
    {
        var asked = ModelNames.Quote(exchange.Request.Model);
        if (answer.StatusCode != HttpStatusCode.OK)
        {
            return await answers.PassErrorAsync(exchange.Context, answer, phase);
        }

        var isStream = answer.Content.Headers.ContentType?.MediaType == "text/event-stream";
        if (isStream != exchange.Request.Stream) return RouteErrors.BrokeOff;
        if (isStream) return await PassStreamAsync(exchange.Context, answer, phase, served, asked);
        return await answers.PassAnswerAsync(
            exchange.Context, answer, phase, asked, () => time.GetElapsedTime(exchange.Arrived), replicaIsDone: lease.Dispose);
    }

    private async Task<InferenceError?> PassStreamAsync(
        HttpContext context, HttpResponseMessage answer, PhaseTimeout phase, byte[] served, byte[] asked)
    {
        await using var stream = await answer.Content.ReadAsStreamAsync(phase.Token);
        switch (await new EventRelay(context, stream, client, phase, options.Value, served, asked).RunAsync())
        {
            case StreamEnd.Complete:
                await context.Response.CompleteAsync();
                await ReadTailAsync(stream, phase);
                return null;
            case StreamEnd.TooSlow: return RouteErrors.TooSlow;
            case StreamEnd.EventTooLarge: return RouteErrors.AnswerTooLarge;
            case StreamEnd.BrokeOff: return RouteErrors.BrokeOff;
            case StreamEnd.ReplicaError:
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

    [LoggerMessage(Level = LogLevel.Warning, Message = "Request {RequestId}: replica {ReplicaId} did not answer in time")]
    private partial void LogTooSlow(string requestId, string replicaId);

    [LoggerMessage(Level = LogLevel.Warning, Message = "Request {RequestId}: the answer of replica {ReplicaId} (status {Status}) broke off or was none")]
    private partial void LogBrokeOff(string requestId, string replicaId, int status);
}
