using Microsoft.AspNetCore.Http;
using Stoker.Engine;

namespace Stoker.Replica.Requests;

/// <summary>A failure as a client of the OpenAI surface sees it.</summary>
/// <param name="Message">What was seen, what is allowed, what to do next. It goes to the client only, never into a log:
/// it may quote a field name.</param>
/// <param name="Code">Stable and machine-readable; the only part besides the status that is logged.</param>
internal sealed record ApiError(int Status, string Type, string Message, string? Parameter, string Code)
{
    private const string InvalidRequest = "invalid_request_error";

    /// <summary>Seconds after which trying again makes sense; the <c>Retry-After</c> header.</summary>
    public int? RetryAfterSeconds { get; init; }

    public static ApiError Invalid(string? parameter, string message, string code = "invalid_value") =>
        new(StatusCodes.Status400BadRequest, InvalidRequest, message, parameter, code);

    public static ApiError Unsupported(string parameter, string message) =>
        Invalid(parameter, message, "unsupported_parameter");

    public static ApiError NotFound(string message, string? parameter, string code) =>
        new(StatusCodes.Status404NotFound, InvalidRequest, message, parameter, code);

    public static ApiError TooLarge(long limitBytes) => new(
        StatusCodes.Status413PayloadTooLarge, InvalidRequest, $"The body is larger than {limitBytes} bytes; send a shorter prompt.", null, "payload_too_large");

    public static ApiError Unavailable(string message, string code, int retryAfterSeconds) =>
        new(StatusCodes.Status503ServiceUnavailable, "unavailable_error", message, null, code) { RetryAfterSeconds = retryAfterSeconds };

    public static ApiError Internal(string message) =>
        new(StatusCodes.Status500InternalServerError, "server_error", message, null, "internal_error");

    public static ApiError From(RequestRefusedException refused) => refused.Kind switch
    {
        RefusalKind.Invalid => Invalid(refused.Parameter, refused.Message),
        RefusalKind.TooLong or RefusalKind.NeverFits => Invalid(refused.Parameter, refused.Message, "context_length_exceeded"),
        RefusalKind.QueueFull => new(StatusCodes.Status429TooManyRequests, "rate_limit_error", refused.Message, null, "queue_full")
        {
            RetryAfterSeconds = 1,
        },
        _ => Unavailable(refused.Message, "closing", 1),
    };
}

/// <summary>Carries an <see cref="ApiError"/> out of a parser's depths to the one place that answers it.</summary>
/// <remarks>
/// An exception rather than a result, because a <see cref="System.Text.Json.Utf8JsonReader"/> cannot live in one and
/// already throws its own.
/// </remarks>
/// <param name="cause">What went wrong inside; its type and place reach the log, its message does not.</param>
internal sealed class ApiException(ApiError error, Exception? cause = null) : Exception(error.Code, cause)
{
    public ApiError Error { get; } = error;
}
