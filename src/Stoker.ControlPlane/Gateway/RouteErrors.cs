using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Stoker.Api.Names;
using Stoker.ControlPlane.Routing;

namespace Stoker.ControlPlane.Gateway;

/// <summary>What a client is told when the replica's side cannot serve it.</summary>
internal static class RouteErrors
{
    /// <summary>The replica was reached, and broke off or answered what it may not. The request may have run.</summary>
    public static InferenceError BrokeOff { get; } = new(
        StatusCodes.Status502BadGateway, "UPSTREAM_FAILED", "The replica failed while it worked on the request: send it again")
    {
        RetryAfter = TimeSpan.FromSeconds(1),
    };

    /// <summary>No deployment is known yet, so none can be called missing.</summary>
    public static InferenceError NothingKnown { get; } = Unavailable(
        "SERVER_STARTING",
        "This server does not know its deployments yet: it has just started, or another server runs them from the same data directory. Retry shortly",
        TimeSpan.FromSeconds(1));

    /// <summary>Nothing of the request was sent, and its client does not want to be held.</summary>
    public static InferenceError Unreachable { get; } = Unavailable(
        "UPSTREAM_UNREACHABLE", "No replica of the deployment could be reached: send the request again", TimeSpan.FromSeconds(1));

    /// <summary>Replicas loaded the addon and say all the same that they lack it.</summary>
    public static InferenceError AddonLost { get; } = Unavailable(
        "ADDON_LOST", "The replicas lose this addon again and again: send the request again, and undeploy and deploy the addon if that does not help",
        TimeSpan.FromSeconds(5));

    /// <summary>The token ledger takes nothing.</summary>
    public static InferenceError NotWritten { get; } = Unavailable(
        "LEDGER_UNAVAILABLE", "The server cannot write requests down now, and runs none that it cannot: retry shortly, and tell its operator", TimeSpan.FromSeconds(5));

    public static InferenceError TooSlow { get; } = new(
        StatusCodes.Status504GatewayTimeout,
        "UPSTREAM_TIMEOUT",
        "The replica did not answer in time: send the request again, or ask for less")
    {
        RetryAfter = TimeSpan.FromSeconds(5),
    };

    public static InferenceError AnswerTooLarge { get; } = new(
        StatusCodes.Status502BadGateway,
        "ANSWER_TOO_LARGE",
        "The answer is larger than the gateway passes on: ask for fewer choices or log-probabilities, or stream");

    /// <summary>Why no replica will come by itself, or none for long, and when to come back.</summary>
    public static InferenceError NotReady(Route route, AccountName caller)
    {
        var detail = Detail(route, caller);
        return route.Waiting switch
        {
            // Neither its status nor its scale is the caller's: what is wrong there is for the operator.
            not Waiting.AddonFailed when route.IsShared => Unavailable(
                "SERVERLESS_UNAVAILABLE",
                $"{route.BaseModel} has no replica on the serverless tier at the moment: retry later, or use a deployment of your own (firectl create deployment {route.BaseModel})",
                TimeSpan.FromSeconds(30)),
            Waiting.Capacity => Unavailable(
                "DEPLOYMENT_WAITS_FOR_CAPACITY",
                $"Deployment {route.Name} waits for free accelerators{detail}: retry later, or free some by scaling another deployment down",
                TimeSpan.FromSeconds(30)),
            Waiting.Failed => Unavailable(
                "DEPLOYMENT_FAILED",
                $"Deployment {route.Name} could not start{detail}: see its status, then update or recreate it",
                TimeSpan.FromMinutes(1)),
            Waiting.Parked => Unavailable(
                "DEPLOYMENT_PARKED",
                $"Deployment {route.Name} has a maximum of zero replicas and does not wake by itself: raise max_replica_count",
                TimeSpan.FromMinutes(1)),
            Waiting.Deleting => Unavailable(
                "DEPLOYMENT_DELETING", $"Deployment {route.Name} is being deleted: use another one", TimeSpan.FromMinutes(1)),
            Waiting.AddonFailed => new(
                StatusCodes.Status412PreconditionFailed,
                "PRECONDITION_FAILED",
                $"{route.Addon?.Model} could not be loaded on deployment {route.Name}{detail}: see firectl get deployed-model {route.Addon?.Name.DeployedModel}",
                "model"),
            _ => throw new UnreachableException($"{route.Waiting}: such a request is held"),
        };
    }

    /// <summary>The cause in words, for callers of the deployment's account alone: it quotes replicas, and figures of the account's capacity.</summary>
    internal static string Detail(Route route, AccountName caller) => route.Detail is null || route.Name.Parent != caller ? "" : $" ({route.Detail})";

    private static InferenceError Unavailable(string code, string message, TimeSpan retryAfter) =>
        new(StatusCodes.Status503ServiceUnavailable, code, message) { RetryAfter = retryAfter };
}
