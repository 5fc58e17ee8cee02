using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Stoker.Api.Replicas;
using Stoker.Engine;
using Stoker.Replica.Answers;
using Stoker.Replica.Engines;
using Stoker.Replica.Requests;

namespace Stoker.Replica.Endpoints;

/// <summary>
/// <c>/v1/completions</c> and <c>/v1/chat/completions</c>: read, tokenise, submit, write as it comes.
/// </summary>
internal sealed partial class InferenceEndpoint(ReplicaContext context)
{
    private const int MostIdLength = 64;
    private const int MostLooks = 3; // at a name that others load and unload all the time

    // Encoding makes some MB a second: below this it is milliseconds, above it up to seconds of a core.
    private const int LongBodyBytes = 256 << 10;

    // Long prompts are encoded one after the other: side by side a few of them would hold all threads, and /health with
    // them. Of the process, as threads are.
    private static readonly SemaphoreSlim LongTurn = new(1);
    private readonly ILogger _log = context.Log;

    public async Task HandleAsync(HttpContext http, RequestKind kind)
    {
        if (!context.Admission.TryEnter(out var ticket))
        {
            http.Response.Headers[ReplicaProtocol.TurnedAwayHeader] = "draining";
            throw new ApiException(ApiError.Unavailable("This replica is draining; send the request again.", "draining", 1));
        }

        using (ticket)
        {
            var engine = context.Slot.Engine
                ?? throw new ApiException(ApiError.Unavailable("The model is still loading; try again shortly.", "loading", 1));
            await AnswerAsync(http, kind, engine);
        }
    }

    private async Task AnswerAsync(HttpContext http, RequestKind kind, IReplicaEngine engine)
    {
        var cancellation = http.RequestAborted;
        var id = RequestId(http.Request.Headers[ReplicaProtocol.RequestIdHeader]);
        http.Response.Headers["x-request-id"] = id;
        var (request, bodyBytes) = await ReadAsync(http.Request, kind, cancellation);
        using var released = request;
        request.Resume = Resumption.Of(http.Request.Headers, request);
        request.CacheSalt = CacheSalt.Of(http.Request.Headers, request.IsolationKey);
        if (request.Model != context.ServedModelName)
        {
            request.Addon = engine.Addons?.Find(request.Model!)?.Addon.Digest ?? throw NoSuchModel(engine, request);
        }

        var begun = context.Time.GetTimestamp();
        var prompts = await EncodeAsync(engine, request, bodyBytes, cancellation);
        request.ReleaseInput();
        var timings = new Timings(context.Time.GetElapsedTime(begun), context.Admission.Inside);
        var obstacle = Resumption.Obstacle(request, prompts.Count * request.Choices, engine.DefaultSampling);
        if (request.Resume?.First is not null && obstacle is not null)
        {
            throw Field.Refused(ReplicaProtocol.ResumeHeader, $"cannot go on with such an answer ({obstacle})");
        }

        await using var answer = await SubmitAsync(engine, request, prompts, id);
        using var recent = context.Recent.Begin(id, answer, prompts.Sum(prompt => prompt.Length), request.Answered?.Length ?? 0);
        var created = request.Resume?.First?.Created ?? context.Time.GetUtcNow().ToUnixTimeSeconds();
        var head = new AnswerHead($"{(kind == RequestKind.Chat ? "chatcmpl" : "cmpl")}-{id}", created, request.Model!, request, prompts, engine)
        {
            TellsDrafts = http.Request.Headers.ContainsKey(ReplicaProtocol.RequestIdHeader),
            Marks = request.Resume is { } asked ? new(answer, asked, obstacle, created) : null,
        };
        if (request.Stream)
        {
            using var streamed = new StreamedAnswer(http.Response, head, timings);
            await streamed.WriteAsync(answer.ReadAsync(cancellation), cancellation);
        }
        else
        {
            await WholeAnswer.WriteAsync(http.Response, head, timings, answer.ReadAsync(cancellation), cancellation);
        }

        var elapsed = context.Time.GetElapsedTime(begun).TotalMilliseconds;
        LogAnswered(id, request.Kind, request.Stream, head.ChoiceCount, elapsed);
    }

    /// <summary>While it was tokenised, a long prompt's addon may have gone, or its name have come to stand for other contents.</summary>
    private async Task<Answer> SubmitAsync(IReplicaEngine engine, InferenceRequest request, IReadOnlyList<int[]> prompts, string id)
    {
        for (var looks = 1; ; looks++)
        {
            try
            {
                return await Answer.SubmitAsync(engine, request, prompts, id);
            }
            catch (RequestRefusedException refused) when (refused.Parameter == "addon" && request.Addon is not null)
            {
                request.Addon = looks < MostLooks ? engine.Addons?.Find(request.Model!)?.Addon.Digest : null;
                if (request.Addon is null) throw NoSuchModel(engine, request);
            }
        }
    }

    private ApiException NoSuchModel(IReplicaEngine engine, InferenceRequest request) => new(ApiError.NotFound(
        $"The model '{Field.Shown(request.Model!)}' does not exist here; this replica serves '{context.ServedModelName}'{AddonsOf(engine)}.", "model", "model_not_found"));

    private static string AddonsOf(IReplicaEngine engine) =>
        engine.Addons?.Count is { } count and > 0 ? $" and {count} addons, see /v1/models" : "";

    /// <summary>
    /// The body's bytes are given back before the first token is computed: a long prompt is not held twice.
    /// </summary>
    private static async Task<(InferenceRequest Request, int BodyBytes)> ReadAsync(HttpRequest http, RequestKind kind, CancellationToken cancellation)
    {
        using var body = await RequestBody.ReadAsync(http, cancellation);
        var relaxed = http.Headers[ReplicaProtocol.RelaxedHeader] == "1";
        return (RequestParser.Parse(body.Span, kind, relaxed), body.Span.Length);
    }

    private static async Task<IReadOnlyList<int[]>> EncodeAsync(IReplicaEngine engine, InferenceRequest request, int bodyBytes, CancellationToken cancellation)
    {
        if (bodyBytes < LongBodyBytes) return PromptEncoder.Encode(engine, request);
        await LongTurn.WaitAsync(cancellation);
        try
        {
            return PromptEncoder.Encode(engine, request);
        }
        finally
        {
            LongTurn.Release();
        }
    }

    /// <summary>
    /// The gateway's id where it is one, else one of our own: it ends up in log lines, so nothing else may.
    /// </summary>
    private static string RequestId(string? given) =>
        given is { Length: > 0 and <= MostIdLength } && given.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_')
            ? given
            : Guid.NewGuid().ToString("N");

    [LoggerMessage(Level = LogLevel.Debug, Message = "Request {Id}: {Kind}, stream {Stream}, {Choices} choices, {Milliseconds:F0} ms")]
    private partial void LogAnswered(string id, RequestKind kind, bool stream, int choices, double milliseconds);
}
