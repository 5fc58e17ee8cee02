using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Runtimes;

namespace Stoker.ControlPlane.Replicas;

/// <summary>A replica's state as its deployment records it. One that ended is not recorded any more.</summary>
/// <remarks>
/// <code>
/// state      event                         next
/// PENDING    capacity is free              STARTING
/// STARTING   the process answers           LOADING
/// LOADING    the model answers             READY
/// any        not wanted any more, or hung  DRAINING
/// any        observed gone                 (dropped; replaced when still wanted)
/// </code>
/// </remarks>
public enum ReplicaState
{
    /// <summary>Waits for capacity; nothing runs.</summary>
    Pending,
    Starting,
    Loading,
    Ready,

    /// <summary>Out of the routing table; ends with its last stream.</summary>
    Draining,
}

/// <summary>One copy of a deployment, wanted or still there.</summary>
/// <param name="Revision">The revision of the deployment that it runs.</param>
/// <param name="Allotment">Its capacity; null while PENDING.</param>
/// <param name="CreateTime">When it was first wanted; the order in which waiting replicas get capacity.</param>
/// <param name="ReadyTime">When it became READY; null before.</param>
/// <param name="StartTime">When it got its capacity and was started; null before.</param>
public sealed record Replica(
    ReplicaId Id,
    long Revision,
    ReplicaState State,
    Allotment? Allotment,
    DateTimeOffset CreateTime,
    DateTimeOffset? ReadyTime = null,
    DateTimeOffset? StartTime = null);
