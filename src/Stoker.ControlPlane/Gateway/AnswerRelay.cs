using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using Stoker.Api.Replicas;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Gateway;

/// <summary>
/// Passes on answers that are not streams: read whole first, so that a replica that dies halfway becomes a proper
/// error.
/// </summary>
internal sealed class AnswerRelay(ClientWriter client, BodyBudget budget, IOptions<GatewayOptions> options)
{
    // An error is a message; a replica that sends megabytes of it is broken.
    private const int MaxErrorBytes = 64 << 10;

    private const string OwnPrefix = "fireworks-";
    private const string PromptTokens = "fireworks-prompt-tokens";
    private const string CachedPromptTokens = "fireworks-cached-prompt-tokens";
    private const string ProcessingTime = "fireworks-server-processing-time";

    /// <summary>A finished answer, with the client's name of the model in it.</summary>
    /// <param name="replicaIsDone">Called when the replica has no more to do with it, however long the client then
    /// reads.</param>
    /// <returns>The error to answer with instead, or null when the client has the answer.</returns>
    public async Task<InferenceError?> PassAnswerAsync(
        Exchange exchange, HttpResponseMessage upstream, PhaseTimeout phase, byte[] asked, Func<TimeSpan> elapsed, Action replicaIsDone)
    {
        var context = exchange.Context;
        using var body = new AnswerBuffer(budget);
        if (await body.ReadAsync(upstream, phase, options.Value.GapTimeout, options.Value.MaxAnswerBytes) is { } error)
        {
            return error;
        }

        replicaIsDone();
        if (AnswerScan.Run(body.Bytes.Span) is not { } answer) return RouteErrors.BrokeOff;
        exchange.Usage.Note(answer);
        if (upstream.Headers.NonValidated.TryGetValues(ReplicaProtocol.DraftsHeader, out var drafts)) exchange.Usage.NoteDrafts(Encoding.ASCII.GetBytes(drafts.ToString()));
        await exchange.Meter.FinishedAsync();
        var (before, name, after) = answer.ModelStart < 0
            ? (body.Bytes, ReadOnlyMemory<byte>.Empty, ReadOnlyMemory<byte>.Empty)
            : (body.Bytes[..answer.ModelStart], asked.AsMemory(), body.Bytes[answer.ModelEnd..]);

        var response = context.Response;
        response.StatusCode = StatusCodes.Status200OK;
        response.ContentType = "application/json";
        response.ContentLength = (long)before.Length + name.Length + after.Length;
        foreach (var (header, values) in upstream.Headers.NonValidated)
        {
            if (header.StartsWith(OwnPrefix, StringComparison.OrdinalIgnoreCase)) response.Headers.TryAdd(header, values.ToString());
        }

        SetUsage(response.Headers, answer, elapsed());
        var written = await client.WriteAsync(context, before)
            && await client.WriteAsync(context, name)
            && await client.WriteAsync(context, after);
        if (!written) context.Abort();
        return null;
    }

    /// <summary>
    /// A replica's refusal. Status and body are the client's when they are an error of this surface, about the request;
    /// a stream that was held, whose head is out, gets the body as its last event.
    /// </summary>
    public async Task<InferenceError?> PassErrorAsync(Exchange exchange, HttpResponseMessage upstream, PhaseTimeout phase)
    {
        var (context, status) = (exchange.Context, (int)upstream.StatusCode);
        // 401 and the like would be about the gateway's standing with the replica, which is none of the client's
        // business.
        if (status is < 400 or 401 or 403 or 407) return RouteErrors.BrokeOff;
        using var body = new AnswerBuffer(budget);
        if (await body.ReadAsync(upstream, phase, options.Value.GapTimeout, MaxErrorBytes) is not null)
        {
            return RouteErrors.BrokeOff;
        }

        if (!AnswerScan.IsError(body.Bytes.Span)) return RouteErrors.BrokeOff;
        await exchange.Meter.EndAsync(status < 500 ? RequestStatus.Refused : RequestStatus.Failed, string.Create(CultureInfo.InvariantCulture, $"REPLICA_{status}"));

        var response = context.Response;
        if (response.HasStarted)
        {
            ErrorEvent.Write(response.BodyWriter, body.Bytes);
            if (!await client.FlushAsync(context)) context.Abort();
            return null;
        }

        response.StatusCode = status;
        response.ContentType = "application/json";
        response.ContentLength = body.Bytes.Length;
        if (upstream.Headers.RetryAfter is { } retryAfter) response.Headers.RetryAfter = retryAfter.ToString();
        if (!await client.WriteAsync(context, body.Bytes)) context.Abort();
        return null;
    }

    /// <summary>The figures that an engine did not give itself.</summary>
    private static void SetUsage(IHeaderDictionary headers, ScannedAnswer answer, TimeSpan elapsed)
    {
        if (answer.PromptTokens is { } prompt) headers.TryAdd(PromptTokens, prompt.ToString(CultureInfo.InvariantCulture));
        if (answer.CachedTokens is { } cached) headers.TryAdd(CachedPromptTokens, cached.ToString(CultureInfo.InvariantCulture));
        headers.TryAdd(ProcessingTime, elapsed.TotalSeconds.ToString("0.000", CultureInfo.InvariantCulture));
    }
}
