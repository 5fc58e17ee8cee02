namespace Stoker.ControlPlane.Deployments;

/// <summary>
/// A change of the wish that follows from the rules and not from a person. It is written like a person's: on the
/// condition that the wish is still the one it was made for.
/// </summary>
public abstract record DeploymentChange
{
    /// <summary>Takes an update back: the settings of an earlier revision are wanted again, counts and windows stay.</summary>
    /// <param name="Cause">Why, in words.</param>
    public sealed record RollBack(ReadyRevision To, string Cause) : DeploymentChange;

    /// <summary>Deletes a deployment that nobody used.</summary>
    /// <param name="Cause">Why, in words.</param>
    public sealed record DeleteIdle(string Cause) : DeploymentChange;

    /// <summary>The wish with the change in it.</summary>
    public DeploymentDocument Over(DeploymentDocument document, DateTimeOffset now) => this switch
    {
        RollBack back => document with
        {
            Resource = back.To.Settings.Over(document.Resource),
            Revision = back.To.Revision,
            HighestRevision = Math.Max(document.HighestRevision ?? 0, document.Revision),
            RolledBack = new(document.Revision, back.Cause, now),
        },
        DeleteIdle idle => document with { Deletion = new(now, Hard: false, idle.Cause) },
        _ => throw new InvalidOperationException($"No such change: {GetType().Name}"),
    };
}
