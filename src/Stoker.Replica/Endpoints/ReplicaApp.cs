using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Stoker.Api.Replicas;
using Stoker.Engine;
using Stoker.Replica.Answers;
using Stoker.Replica.Requests;

namespace Stoker.Replica.Endpoints;

/// <summary>All of a replica's HTTP: finds the endpoint, and is the one place where failures become answers.</summary>
/// <remarks>
/// A switch and no router: there are a dozen fixed paths, and a router's start-up would be a tenth of a cold start.
/// </remarks>
internal sealed partial class ReplicaApp(ReplicaContext context)
{
    private readonly ILogger _log = context.Log;
    private readonly InferenceEndpoint _inference = new(context);
    private readonly OwnerEndpoints _owner = new(context);
    private readonly ModelEndpoints _models = new(context);
    private readonly MetricsEndpoint _metrics = new(context);
    private readonly AddonEndpoints _addons = new(context);

    public async Task HandleAsync(HttpContext http)
    {
        try
        {
            await RouteAsync(http);
        }
        catch (Exception error)
        {
            await AnswerAsync(http, error);
        }
    }

    internal static async Task WriteJsonAsync<T>(HttpResponse response, int status, T value, JsonTypeInfo<T> type, CancellationToken cancellation)
    {
        var body = JsonSerializer.SerializeToUtf8Bytes(value, type);
        response.StatusCode = status;
        response.ContentType = "application/json; charset=utf-8";
        response.ContentLength = body.Length;
        await response.Body.WriteAsync(body, cancellation);
    }

    private Task RouteAsync(HttpContext http)
    {
        var request = http.Request;
        var (method, work) = request.Path.Value switch
        {
            "/v1/completions" => ("POST", (Func<HttpContext, Task>)(it => _inference.HandleAsync(it, RequestKind.Text))),
            "/v1/chat/completions" => ("POST", it => _inference.HandleAsync(it, RequestKind.Chat)),
            "/v1/models" => ("GET", _models.HandleAsync),
            ReplicaProtocol.HealthPath => ("GET", _owner.HealthAsync),
            ReplicaProtocol.LeasePath => ("POST", _owner.RenewLeaseAsync),
            ReplicaProtocol.DrainPath => ("POST", _owner.DrainAsync),
            ReplicaProtocol.LoadAddonPath => ("POST", _addons.LoadAsync),
            ReplicaProtocol.UnloadAddonPath => ("POST", _addons.UnloadAsync),
            ReplicaProtocol.AddonsPath => ("GET", _addons.ListAsync),
            "/metrics" => ("GET", _metrics.HandleAsync),
            { } path when path.StartsWith(ReplicaProtocol.RequestsPath, StringComparison.Ordinal) => ("GET", context.Recent.HandleAsync),
            _ => throw new ApiException(ApiError.NotFound("There is nothing at this path; see /v1/models, /v1/completions and /v1/chat/completions.", null, "not_found")),
        };
        if (request.Method == method) return work(http);
        http.Response.Headers.Allow = method;
        throw new ApiException(new(
            StatusCodes.Status405MethodNotAllowed, "invalid_request_error", $"This path takes {method}.", null, "method_not_allowed"));
    }

    private async Task AnswerAsync(HttpContext http, Exception error)
    {
        // nobody is there to answer; the generation was ended on the way here
        if (http.RequestAborted.IsCancellationRequested) return;
        var answer = error switch
        {
            ApiException known => known.Error,
            RequestRefusedException refused => ApiError.From(refused),
            BadHttpRequestException bad => new(bad.StatusCode, "invalid_request_error", "The request could not be read; send it again.", null, "bad_request"),
            _ => ApiError.Internal("The replica failed on this request; send it again."),
        };
        if (answer.Status == StatusCodes.Status500InternalServerError) LogFailed(answer.Status, answer.Code, error);
        else LogRefused(answer.Status, answer.Code);
        try
        {
            await WriteAsync(http, answer);
        }
        catch (Exception broken) when (broken is IOException or OperationCanceledException)
        {
            // The client left while the error was on its way.
        }
    }

    private static async Task WriteAsync(HttpContext http, ApiError error)
    {
        var response = http.Response;
        if (response.HasStarted)
        {
            if (response.ContentType?.StartsWith("text/event-stream", StringComparison.Ordinal) == true)
            {
                await StreamedAnswer.WriteErrorAsync(response.BodyWriter, error, http.RequestAborted);
            }
            else
            {
                http.Abort(); // half a JSON body: only a broken connection says so
            }

            return;
        }

        var body = new ArrayBufferWriter<byte>(256);
        using var json = new Utf8JsonWriter(body, AnswerJson.Options);
        AnswerJson.WriteError(json, error);
        await json.FlushAsync(http.RequestAborted);
        response.StatusCode = error.Status;
        response.ContentType = "application/json; charset=utf-8";
        response.ContentLength = body.WrittenCount;
        if (error.RetryAfterSeconds is { } seconds) response.Headers.RetryAfter = seconds.ToString(System.Globalization.CultureInfo.InvariantCulture);
        await response.Body.WriteAsync(body.WrittenMemory, http.RequestAborted);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "A request ended with {Status} {Code}")]
    private partial void LogFailed(int status, string code, Exception error);

    // No parameter and no message: both may have a client's words in them.
    [LoggerMessage(Level = LogLevel.Debug, Message = "A request was refused with {Status} {Code}")]
    private partial void LogRefused(int status, string code);
}
