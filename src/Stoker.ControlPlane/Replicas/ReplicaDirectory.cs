using System.Collections.Frozen;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.ControlPlane.Runtimes;

namespace Stoker.ControlPlane.Replicas;

/// <summary>What the gateway needs to know of one deployment.</summary>
/// <param name="State">The deployment's state by its wire name, such as <c>READY</c>; for messages.</param>
/// <param name="DesiredReplicas">0 means parked, or scaled to zero until a request comes.</param>
/// <param name="Ready">Replicas that take requests, by id.</param>
/// <param name="CreateTime">The oldest deployment of a model in an account is the model's default there.</param>
public sealed record DeploymentRoute(
    DeploymentName Name,
    ModelName BaseModel,
    string State,
    int DesiredReplicas,
    IReadOnlyList<ReplicaEndpoint> Ready,
    DateTimeOffset CreateTime)
{
    /// <summary>0 parks the deployment: it never wakes by itself.</summary>
    public int MaxReplicas { get; init; } = 1;

    /// <summary>How much the gateway holds for it.</summary>
    public HoldLimits Hold { get; init; } = HoldLimits.Default;

    public BrokenStreams BrokenStreams { get; init; }

    /// <summary>
    /// Why it has no replica although it wants one, in its reconciler's words; null when it has one, or when there is nothing
    /// to tell.
    /// </summary>
    public WaitCause? Cause { get; init; }
}

/// <summary>Why a deployment waits for its replicas.</summary>
/// <param name="Message">For the deployment's owner.</param>
public sealed record WaitCause(Code Code, string Message);

/// <summary>
/// All deployments and their ready replicas at one moment. Immutable: take it once and keep it for the whole request.
/// </summary>
public sealed record ReplicaSnapshot(IReadOnlyDictionary<DeploymentName, DeploymentRoute> Routes)
{
    /// <summary>Nobody has looked yet: what is not in it may be there all the same.</summary>
    public static ReplicaSnapshot Unknown { get; } = new(FrozenDictionary<DeploymentName, DeploymentRoute>.Empty);
}

/// <summary>
/// Where ready replicas are. The deployments' reconciler alone writes it; the gateway reads snapshots.
/// </summary>
public sealed class ReplicaDirectory
{
    private volatile ReplicaSnapshot _current = ReplicaSnapshot.Unknown;
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public ReplicaSnapshot Current => _current;

    /// <summary>How far replicas are that are not ready yet.</summary>
    public StartBoard Starts { get; } = new();

    /// <summary>How far ready replicas are with their addons.</summary>
    public AddonBoard Addons { get; } = new();

    /// <summary>The way back: how the replicas' answers went, which the gateway writes.</summary>
    public AnswerBoard Answers { get; } = new();

    /// <summary>
    /// Ends with the next change. Take it before <see cref="Current"/>, so that no change falls between the two.
    /// </summary>
    public Task Changed => Volatile.Read(ref _changed).Task;

    public void Publish(ReplicaSnapshot snapshot)
    {
        _current = snapshot;
        Interlocked.Exchange(ref _changed, new(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
    }
}
