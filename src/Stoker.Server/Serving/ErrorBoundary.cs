using System.Text.Json;
using Stoker.Api.Problems;
using Stoker.ControlPlane.Resources;

namespace Stoker.Server.Serving;

/// <summary>
/// The last catch: a bug behind a route becomes a 500 with a body and a log line without content; a path or method that
/// no route has gets a body too, in the form that the plane's clients read.
/// </summary>
internal sealed partial class ErrorBoundary(RequestDelegate next, ILogger<ErrorBoundary> logger)
{
    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context);
            if (context.Response.HasStarted || context.Response.ContentLength is not null || context.GetEndpoint()?.RequestDelegate is not null && context.Response.StatusCode != StatusCodes.Status405MethodNotAllowed) return;
            await WriteUnmatchedAsync(context);
        }
        catch (BadHttpRequestException error)
        {
            await WriteAsync(context, new Problem(CodeTable.FromHttpStatus(error.StatusCode), error.Message), error.StatusCode);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client left; there is nobody to tell.
        }
        catch (Exception error)
        {
            // The message of an exception may quote what it choked on; type and stack do not.
            LogBug(error.GetType().FullName ?? "", error.StackTrace ?? "");
            await WriteAsync(context, new Problem(Code.Internal, "an error inside the server; its log names the place, please report it"), StatusCodes.Status500InternalServerError);
        }
    }

    private static Task WriteUnmatchedAsync(HttpContext context)
    {
        var status = context.Response.StatusCode;
        var message = status switch
        {
            StatusCodes.Status404NotFound => $"no route {Shown(context.Request.Path)}; see docs/api.md for those there are",
            StatusCodes.Status405MethodNotAllowed => $"{context.Request.Method} is not allowed on {Shown(context.Request.Path)}; allowed: {context.Response.Headers.Allow}",
            _ => null,
        };
        return message is null
            ? Task.CompletedTask
            : WriteAsync(context, new Problem(CodeTable.FromHttpStatus(status), message), status);
    }

    private static async Task WriteAsync(HttpContext context, Problem problem, int status)
    {
        if (context.Response.HasStarted)
        {
            context.Abort(); // half an answer must not look whole
            return;
        }

        var allow = context.Response.Headers.Allow;
        context.Response.Clear();
        context.Response.Headers.Allow = allow;
        context.Response.StatusCode = status;
        if (!IsInference(context.Request.Path))
        {
            await new ProblemResult(problem, status).ExecuteAsync(context);
            return;
        }

        context.Response.ContentType = "application/json";
        await using var writer = new Utf8JsonWriter(context.Response.BodyWriter);
        writer.WriteStartObject();
        writer.WriteStartObject("error");
        writer.WriteString("message", problem.Message);
        writer.WriteString("code", status == StatusCodes.Status405MethodNotAllowed ? "METHOD_NOT_ALLOWED" : problem.Code.Row().WireName);
        writer.WriteString("type", "error");
        writer.WriteEndObject();
        writer.WriteEndObject();
        await writer.FlushAsync();
    }

    private static string Shown(PathString path) =>
        path.Value is { Length: > 100 } text ? text[..100] + "..." : path.Value ?? "";

    private static bool IsInference(PathString path) =>
        path.StartsWithSegments("/inference") || (path.StartsWithSegments("/v1") && !path.StartsWithSegments("/v1/accounts") && !path.StartsWithSegments("/v1/whoami"));

    [LoggerMessage(Level = LogLevel.Error, Message = "A bug behind a route: {Type}\n{Stack}")]
    private partial void LogBug(string type, string stack);
}
