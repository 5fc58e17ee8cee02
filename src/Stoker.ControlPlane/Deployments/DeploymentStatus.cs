using Stoker.Api.Problems;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Replicas;

namespace Stoker.ControlPlane.Deployments;

/// <summary>What is observed of a deployment; its reconciler alone writes it.</summary>
public sealed record DeploymentStatus
{
    public DeploymentState State { get; init; }

    /// <summary>Why the state is what it is; null when all is well.</summary>
    public DeploymentCondition? Condition { get; init; }

    /// <summary>The generation of the spec that this status answers.</summary>
    public long ObservedGeneration { get; init; }

    /// <summary>The last generation that was READY, 0 before the first time.</summary>
    public long ReadyGeneration { get; init; }

    /// <summary>When the idle clocks start: the first time it was READY.</summary>
    public DateTimeOffset? FirstReadyTime { get; init; }

    public int DesiredReplicas { get; init; }

    public IReadOnlyList<Replica> Replicas { get; init; } = [];

    /// <summary>Failures in a row; null after a replica stayed READY for a while.</summary>
    public StartFailures? Failures { get; init; }

    /// <summary>Where its first replica was placed; later ones go there when they can.</summary>
    public Region? Region { get; init; }

    public DateTimeOffset? DeleteTime { get; init; }

    public DateTimeOffset? PurgeTime { get; init; }
}

public sealed record DeploymentCondition(Code Code, string Message);

/// <param name="Count">Rounds of starts that failed in a row; replicas that were started together count once.</param>
/// <param name="Message">The last words of the last one.</param>
public sealed record StartFailures(int Count, DateTimeOffset Time, string Message);
