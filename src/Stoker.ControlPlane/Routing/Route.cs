using Stoker.Api.Names;

namespace Stoker.ControlPlane.Routing;

/// <summary>Why a deployment has no replica that answers.</summary>
public enum Waiting
{
    /// <summary>Replicas start, or will: the request can be sent again in a while.</summary>
    Starting,

    /// <summary>Replicas wait for accelerators that others hold.</summary>
    Capacity,

    /// <summary>Starting failed for good: somebody has to look.</summary>
    Failed,

    /// <summary>Its maximum is zero replicas: it never wakes by itself.</summary>
    Parked,

    /// <summary>It is being deleted.</summary>
    Deleting,
}

/// <summary>What listings say about the model behind a route.</summary>
public sealed record ModelCard(string? Kind, int? ContextLength, bool SupportsChat, bool SupportsTools, bool SupportsImageInput);

/// <summary>One deployment at one moment, with the replicas that take requests.</summary>
/// <param name="ServedName">The model's name as its replicas know it.</param>
/// <param name="Waiting">Why there are no replicas, when there are none.</param>
/// <param name="Detail">The cause in words for the deployment's owner; null when there is nothing to add.</param>
public sealed record Route(
    DeploymentName Name,
    ModelName BaseModel,
    string ServedName,
    DateTimeOffset CreateTime,
    Waiting Waiting,
    string? Detail,
    ModelCard Model,
    IReadOnlyList<ReplicaTarget> Ready)
{
    /// <summary>Whether a request to it is answered now, or will be before long.</summary>
    public bool IsCallable => Ready.Count > 0 || Waiting is Waiting.Starting or Waiting.Capacity;

    /// <summary>
    /// Takes a place on the replica with the fewest outstanding requests; null when no replica is ready.
    /// </summary>
    /// <param name="except">A replica that just failed this request.</param>
    public ReplicaLease? Pick(ReplicaTarget? except = null)
    {
        // One look and one count under a lock: two requests at once must not both take the last idle replica.
        lock (Load.Gate)
        {
            if (ReplicaChoice.LeastOutstanding(Ready, except) is not { } replica) return null;
            replica.LastPick = ++Load.Picks;
            return new(replica);
        }
    }

    /// <summary>Shared by all tables that name the deployment.</summary>
    internal DeploymentLoad Load { get; init; } = new();
}

internal sealed class DeploymentLoad
{
    public Lock Gate { get; } = new();

    public long Picks { get; set; }
}
