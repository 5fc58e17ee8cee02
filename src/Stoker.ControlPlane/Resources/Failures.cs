using Microsoft.AspNetCore.Http;
using Stoker.Api.Problems;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Resources;

/// <summary>
/// The one place where exceptions of broken I/O become problems. What is not in here is a bug and stays an exception.
/// </summary>
public static class Failures
{
    public static Problem? ToProblem(Exception exception) => exception switch
    {
        StorageException { Fault: StorageFault.Full } => new(Code.ResourceExhausted, exception.Message),
        StorageException => Problem.Unavailable(exception.Message) with { RetryAfter = TimeSpan.FromSeconds(1) },
        BadHttpRequestException { StatusCode: StatusCodes.Status413PayloadTooLarge } =>
            Problem.InvalidArgument("The body is larger than is allowed here"),
        BadHttpRequestException { StatusCode: StatusCodes.Status408RequestTimeout } =>
            new(Code.DeadlineExceeded, "The body came too slowly: send it again"),
        BadHttpRequestException => Problem.InvalidArgument("The request's body ended early or is not valid HTTP"),
        IOException when IsDiskFull(exception) => new(Code.ResourceExhausted, "The disk of the data directory is full: make room, then try again"),
        _ => null,
    };

    /// <summary>ENOSPC or EDQUOT, and their like on Windows.</summary>
    public static bool IsDiskFull(Exception exception) =>
        exception is IOException { HResult: 28 or 122 or unchecked((int)0x80070070) };

    /// <summary>Answers such failures of an endpoint with their problem.</summary>
    public static async ValueTask<object?> Answer(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        try
        {
            return await next(context);
        }
        catch (Exception exception) when (ToProblem(exception) is { } problem && !context.HttpContext.Response.HasStarted)
        {
            return new ProblemResult(problem, StatusOf(exception));
        }
    }

    /// <summary>
    /// What the codes cannot tell: the client's own fault from the server's slowness, the server's disk from the client's
    /// quota.
    /// </summary>
    private static int? StatusOf(Exception exception) => exception switch
    {
        BadHttpRequestException { StatusCode: StatusCodes.Status408RequestTimeout or StatusCodes.Status413PayloadTooLarge } error => error.StatusCode,
        StorageException { Fault: StorageFault.Full } => StatusCodes.Status507InsufficientStorage,
        _ when IsDiskFull(exception) => StatusCodes.Status507InsufficientStorage,
        _ => null,
    };
}
