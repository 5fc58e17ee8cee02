using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Stoker.Api.Problems;

namespace Stoker.ControlPlane.Resources;

/// <summary>
/// A problem as the management API answers it: the status of the code's row, and the gRPC-style body.
/// </summary>
/// <param name="status">Another status than the code's, where HTTP tells apart what the codes do not: 405, 413.</param>
public sealed class ProblemResult(Problem problem, int? status = null) : IResult, IStatusCodeHttpResult
{
    public Problem Problem { get; } = problem;

    public int? StatusCode { get; } = status ?? problem.Code.Row().HttpStatus;

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var response = httpContext.Response;
        response.StatusCode = StatusCode!.Value;
        response.ContentType = "application/json";
        if (Problem.Code == Code.Unauthenticated) response.Headers.WWWAuthenticate = "Bearer";
        if (Problem.RetryAfter is { } retryAfter)
        {
            response.Headers.RetryAfter = Math.Ceiling(retryAfter.TotalSeconds).ToString("0", CultureInfo.InvariantCulture);
        }

        var body = JsonSerializer.SerializeToUtf8Bytes(ProblemBody.From(Problem), WireJson.Context.ProblemBody);
        response.ContentLength = body.Length;
        await response.Body.WriteAsync(body, httpContext.RequestAborted);
    }
}
