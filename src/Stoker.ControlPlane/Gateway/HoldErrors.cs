using Microsoft.AspNetCore.Http;
using Stoker.Api.Names;
using Stoker.Api.Time;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Routing;

namespace Stoker.ControlPlane.Gateway;

/// <summary>Why a request is not held, or was held in vain.</summary>
internal static class HoldErrors
{
    private static readonly TimeSpan ShortestRetry = TimeSpan.FromSeconds(1);

    /// <summary>Clients that come back each minute are no load, and learn soon enough.</summary>
    private static readonly TimeSpan LongestRetry = TimeSpan.FromMinutes(1);

    /// <summary>A held request would keep the server from ending; the next server takes it.</summary>
    public static InferenceError Stopping { get; } = new(
        StatusCodes.Status503ServiceUnavailable, "SERVER_STOPPING", "This server is stopping and has no replica for the request: send it again shortly")
    {
        RetryAfter = TimeSpan.FromSeconds(1),
    };

    /// <summary>The hosted product's words, for clients that ask for its behaviour.</summary>
    public static InferenceError Rejected(Route route, StartEstimate estimate, AccountName caller) => route.Waiting == Waiting.Capacity && route.Ready.Count == 0
        ? RouteErrors.NotReady(route, caller)
        : IsLoading(route) ? Loading(route, "", estimate)
        : new(
            StatusCodes.Status503ServiceUnavailable,
            "DEPLOYMENT_SCALING_UP",
            "Deployment is currently scaled to zero and is scaling up. Please retry your request in a few minutes.")
        {
            RetryAfter = RetryAfter(estimate),
        };

    /// <param name="bounds">What holds for the deployment.</param>
    public static InferenceError Full(HoldRefusal refusal, Route route, HoldBounds bounds, StartEstimate estimate) => route.IsShared ? Crowded(route, estimate) : new(
        StatusCodes.Status429TooManyRequests,
        "HOLD_QUEUE_FULL",
        $"Deployment {route.Name} {(IsLoading(route) ? $"is still loading {route.Addon?.Model}" : "has no replica for the request yet")}, and "
            + (refusal == HoldRefusal.Count
                ? $"{bounds.MaxRequests} requests {For(route)}wait already, as many as may (stokerHold.maxRequests): retry later"
                : $"with this body more than {bounds.MaxBytes} bytes of requests {For(route)}would wait, as many as may (stokerHold.maxBytes): retry later"))
    {
        RetryAfter = RetryAfter(estimate),
    };

    private static InferenceError Crowded(Route route, StartEstimate estimate) => new(
        StatusCodes.Status429TooManyRequests,
        "HOLD_QUEUE_FULL",
        $"{route.Addon?.Model ?? route.BaseModel} is busy on the serverless tier, and as many of your account's requests wait already as may beside those of others: "
            + "send fewer at a time and retry later, or use a deployment of your own")
    {
        RetryAfter = RetryAfter(estimate),
    };

    public static InferenceError TimedOut(Route route, HoldBounds bounds, StartEstimate estimate, AccountName caller)
    {
        if (IsLoading(route)) return Loading(route, $" within {GoDuration.Format(bounds.Timeout)}, the longest that a request is held (stokerHold.timeout)", estimate);
        return new(
            StatusCodes.Status503ServiceUnavailable,
            route.Waiting == Waiting.Capacity ? "DEPLOYMENT_WAITS_FOR_CAPACITY" : "DEPLOYMENT_SCALING_UP",
            $"Deployment {route.Name} had no replica for the request within {GoDuration.Format(bounds.Timeout)}, the longest that it is held "
                + $"(stokerHold.timeout){RouteErrors.Detail(route, caller)}: retry your request later")
        {
            RetryAfter = RetryAfter(estimate),
        };
    }

    /// <summary>Whether replicas are ready and none of them has the addon yet.</summary>
    private static bool IsLoading(Route route) => route is { Addon: not null, Ready.Count: 0, Whole.Ready.Count: > 0 };

    private static string For(Route route) => route.Addon is null ? "" : "for addons ";

    private static InferenceError Loading(Route route, string within, StartEstimate estimate) => new(
        StatusCodes.Status503ServiceUnavailable,
        "ADDON_LOADING",
        $"{route.Addon?.Model} was not loaded on deployment {route.Name}{within}, and its replicas are ready: see firectl get deployed-model "
            + $"{route.Addon?.Name.DeployedModel}, and retry your request later")
    {
        RetryAfter = RetryAfter(estimate),
    };

    private static TimeSpan RetryAfter(StartEstimate estimate) => TimeSpan.FromSeconds(
        Math.Clamp(estimate.Left.TotalSeconds, ShortestRetry.TotalSeconds, LongestRetry.TotalSeconds));
}
