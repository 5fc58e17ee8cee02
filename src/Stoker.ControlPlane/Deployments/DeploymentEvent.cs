using System.Globalization;
using Stoker.Api.Problems;

namespace Stoker.ControlPlane.Deployments;

public enum EventSeverity
{
    Normal,
    Warning,
}

/// <summary>Something that happened to a deployment and that a person may ask about later.</summary>
/// <param name="Reason">A name for programs, in capitals.</param>
public sealed record DeploymentEvent(EventSeverity Severity, string Reason, string Message);

/// <summary>Which events a step from one status to the next is: pure, so that doing the step again gives the same.</summary>
public static class DeploymentEvents
{
    public const string Created = "CREATED";
    public const string Ready = "READY";
    public const string Updating = "UPDATING";
    public const string Failed = "FAILED";
    public const string ReplicaFailed = "REPLICA_FAILED";
    public const string WaitingForCapacity = "WAITING_FOR_CAPACITY";
    public const string RolledBack = "ROLLED_BACK";
    public const string IdleDeletionAhead = "IDLE_DELETION_AHEAD";
    public const string Deleting = "DELETING";
    public const string Deleted = "DELETED";
    public const string Undeleted = "UNDELETED";

    /// <param name="before">As it was read.</param>
    /// <param name="after">As the plan leaves it.</param>
    public static IReadOnlyList<DeploymentEvent> Between(DeploymentStatus before, Deployment after, DeploymentChange? change)
    {
        var (status, events) = (after.Status, new List<DeploymentEvent>());
        if (before.ObservedGeneration == 0) Normal(Created, $"Created{(after.CreatedBy is { } user ? $" by {user}" : "")}.");
        if (before.State != status.State && StateEvent(before, after) is { } changed) events.Add(changed);
        if (status.Failures is { } failures && failures != before.Failures) Warning(ReplicaFailed, failures.Message);
        if (IsShort(status) && !IsShort(before)) Warning(WaitingForCapacity, status.Condition!.Message);
        if (change is DeploymentChange.RollBack back) Warning(RolledBack, $"Revision {after.Revision} is rolled back to revision {back.To.Revision}: {back.Cause}");
        if (status.IdleWarning is { } ahead && ahead != before.IdleWarning) Warning(IdleDeletionAhead, Announcement(after, ahead));
        return events;

        void Normal(string reason, string message) => events.Add(new(EventSeverity.Normal, reason, message));
        void Warning(string reason, string message) => events.Add(new(EventSeverity.Warning, reason, message));
    }

    private static DeploymentEvent? StateEvent(DeploymentStatus before, Deployment after)
    {
        var status = after.Status;
        var wasDeleted = before.State is DeploymentState.Deleting or DeploymentState.Deleted;
        return status.State switch
        {
            DeploymentState.Deleting when after.Deletion is { Cause: { } cause } => new(EventSeverity.Warning, Deleting, $"It is deleted: {cause}."),
            DeploymentState.Deleting => new(EventSeverity.Normal, Deleting, "Its deletion was asked for; its replicas end with their last streams."),
            DeploymentState.Deleted => new(after.Deletion?.Cause is null ? EventSeverity.Normal : EventSeverity.Warning, Deleted, Kept(after)),
            _ when wasDeleted => new(EventSeverity.Normal, Undeleted, "It was brought back."),
            DeploymentState.Ready => new(EventSeverity.Normal, Ready, $"It is ready with {status.DesiredReplicas} replicas of revision {after.Revision}."),
            DeploymentState.Updating when status.Replicas.Any(replica => replica.Revision != after.Revision) =>
                new(EventSeverity.Normal, Updating, $"It is updated to revision {after.Revision}; what runs serves on meanwhile."),
            DeploymentState.Updating => new(EventSeverity.Normal, Updating, $"What is asked of it changed; its replicas stay, of revision {after.Revision}."),
            DeploymentState.Failed => new(EventSeverity.Warning, Failed, status.Condition?.Message ?? "It failed."),
            _ => null,
        };
    }

    private static string Kept(Deployment after)
    {
        var kept = after.Status.PurgeTime is { } purge && after.Deletion is { Hard: false }
            ? string.Create(CultureInfo.InvariantCulture, $"Deleted; until {purge:u} it can be brought back: firectl undelete deployment {after.Name.Deployment}")
            : "Deleted for good.";
        return after.Deletion is { Cause: { } cause } ? $"{kept}; the cause: {cause}" : kept;
    }

    private static string Announcement(Deployment deployment, IdleWarning ahead) => string.Create(
        CultureInfo.InvariantCulture,
        $"No request since {ahead.IdleSince:u}: at {ahead.DeleteTime:u} it is deleted. A request keeps it, and so does a minimum of one replica: "
        + $"firectl update deployment {deployment.Name.Deployment} --min-replica-count 1");

    private static bool IsShort(DeploymentStatus status) => status.Condition?.Code == Code.ResourceExhausted;
}
