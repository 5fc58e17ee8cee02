using Microsoft.Extensions.Logging;
using Stoker.Api.Names;
using Stoker.ControlPlane.Autoscaling;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Deployments;

/// <summary>
/// Brings deployments and autoscaling together: makes the question of a deployment's record, puts the answer into its
/// status, and keeps the decision.
/// </summary>
public sealed partial class DeploymentScaling(
    LoadBoard board, LoadWindows windows, DecisionLog log, TimeProvider time, ILogger<DeploymentScaling> logger)
{
    // What was last written of a deployment that stays where it is: a lasting state is one entry, not one a second.
    private readonly Dictionary<DeploymentName, ScalingCause> _lastCauses = [];

    /// <summary>This process controls from now on.</summary>
    public void TakeOver()
    {
        _lastCauses.Clear();
        windows.TakeOver();
    }

    /// <summary>This process no longer controls.</summary>
    public void Release() => windows.Release();

    /// <summary>Names that may need another count.</summary>
    public IAsyncEnumerable<DeploymentName> HintsAsync(CancellationToken cancellation) => windows.HintsAsync(cancellation);

    /// <summary>The row is gone; so is all that was kept beside it.</summary>
    public async Task ForgetAsync(DeploymentName name, CancellationToken cancellation)
    {
        windows.Unwatch(name);
        board.Forget(name);
        _lastCauses.Remove(name);
        await log.ForgetAsync(name, cancellation);
    }

    /// <summary>The deployment with its wanted count decided; no decision is made of one that is deleted.</summary>
    public (Deployment Deployment, ScalingDecision? Decision) Decide(Deployment deployment, IReadOnlyList<ObservedReplica> observed)
    {
        if (deployment.Deletion is not null)
        {
            windows.Unwatch(deployment.Name);
            return (deployment, null);
        }

        var (spec, status) = (deployment.Spec, deployment.Status);
        var sequences = SequencesOf(deployment, observed);
        var decision = windows.Decide(deployment.Name, new()
        {
            Policy = spec.Scaling,
            Min = spec.MinReplicas,
            Max = spec.MaxReplicas,
            Targets = LoadTargets.From(spec.LoadTargets, spec.Scaling.Mode),
            Desired = deployment.DecidedBefore,
            Ready = status.Replicas.Count(replica => replica.State == ReplicaState.Ready),
            Starting = status.Replicas.Count(replica => replica.State is ReplicaState.Starting or ReplicaState.Loading),
            EverReady = status.FirstReadyTime is not null,
            SequencesPerReplica = sequences,
            ManualCount = deployment.ManualCount,
            Now = time.GetUtcNow(),
        });
        var decided = status with
        {
            DesiredReplicas = decision.Desired,
            AppliedScalings = deployment.Scalings,
            SequencesPerReplica = sequences,
        };
        return (deployment with { Status = decided, Decided = decision.Desired }, decision);
    }

    /// <summary>
    /// To be called before the status is written: were the server killed after the write, a window from before would
    /// undo what a person has just set.
    /// </summary>
    public Task PrepareAsync(DeploymentName name, ScalingDecision? decision, CancellationToken cancellation) =>
        decision is { StartsAnew: true } ? windows.SaveAsync(name, cancellation) : Task.CompletedTask;

    /// <summary>To be called after the status was written. A log that cannot be written holds up nothing.</summary>
    public async Task RecordAsync(DeploymentName name, ScalingDecision? decision, CancellationToken cancellation)
    {
        if (decision is null) return;
        var isNews = !_lastCauses.TryGetValue(name, out var last) || last != decision.Cause;
        _lastCauses[name] = decision.Cause;
        if (!decision.Changes && !(isNews && decision.Cause == ScalingCause.AtMaximum)) return;

        LogDecision(name, decision.Facts.Before ?? 0, decision.Desired, decision.Reason);
        try
        {
            await log.AppendAsync(name, decision, cancellation);
        }
        catch (StorageException error)
        {
            LogNotKept(name, error);
        }
    }

    /// <summary>The fewest of all ready replicas; what an earlier one reported while none is ready.</summary>
    private static int? SequencesOf(Deployment deployment, IReadOnlyList<ObservedReplica> observed)
    {
        int? fewest = null;
        foreach (var replica in observed)
        {
            if (replica is { Phase: ReplicaPhase.Ready, Endpoint.MaxSequences: > 0 and var most } && !(fewest <= most)) fewest = most;
        }

        return fewest ?? deployment.Status.SequencesPerReplica;
    }

    [LoggerMessage(LogLevel.Information, "{Deployment}: from {Before} to {Desired} replicas: {Reason}")]
    private partial void LogDecision(DeploymentName deployment, int before, int desired, string reason);

    [LoggerMessage(LogLevel.Warning, "A scaling decision of {Deployment} could not be kept; it holds all the same")]
    private partial void LogNotKept(DeploymentName deployment, Exception error);
}
