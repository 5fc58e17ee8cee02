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

    /// <summary>What the autoscaler decided last.</summary>
    public int DesiredReplicas { get; init; }

    /// <summary>How many of the times that the count was set anew a decision has taken up.</summary>
    public int AppliedScalings { get; init; }

    /// <summary>Sequences that one replica runs at once, as one reported; null before the first was ready.</summary>
    public int? SequencesPerReplica { get; init; }

    public IReadOnlyList<Replica> Replicas { get; init; } = [];

    /// <summary>How long the last starts took from capacity to ready, oldest first: what those who wait are told.</summary>
    /// <remarks>A row of an older program has none, which its reader hands over as null.</remarks>
    public IReadOnlyList<TimeSpan> RecentStarts { get; init => field = value ?? []; } = [];

    /// <summary>Failures in a row; null after a replica stayed READY for a while.</summary>
    public StartFailures? Failures { get; init; }

    /// <summary>Where its first replica was placed, by its placement or by free capacity; it never changes.</summary>
    public Region? Region { get; init; }

    /// <summary>No accelerators of its type are there: what serves it is emulated.</summary>
    public bool Emulated { get; init; }

    /// <summary>The capacity that its waiting replicas miss; null when none waits for capacity.</summary>
    public Stockout? Stockout { get; init; }
    /// <summary>The last revision of which all wanted replicas answered, at least one.</summary>
    public ReadyRevision? LastReady { get; init; }

    /// <summary>
    /// The last revision that stayed so for a while, its probation included: what to go back to when the last one breaks.
    /// </summary>
    public ReadyRevision? LastStable { get; init; }

    /// <summary>Set while the deployment is about to be deleted because nobody uses it.</summary>
    public IdleWarning? IdleWarning { get; init; }

    public DateTimeOffset? DeleteTime { get; init; }

    public DateTimeOffset? PurgeTime { get; init; }
}

/// <param name="Where">The region, or those that would do.</param>
/// <param name="Count">Accelerators that one replica needs.</param>
/// <param name="Replicas">Those that wait.</param>
/// <param name="Since">When the first of them was wanted.</param>
public sealed record Stockout(AcceleratorType Type, string Where, int Count, int Replicas, DateTimeOffset Since);

public sealed record DeploymentCondition(Code Code, string Message);

/// <param name="Count">Rounds of starts that failed in a row; replicas that were started together count once.</param>
/// <param name="Message">The last words of the last one.</param>
public sealed record StartFailures(int Count, DateTimeOffset Time, string Message);
