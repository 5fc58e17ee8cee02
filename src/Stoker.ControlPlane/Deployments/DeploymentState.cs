namespace Stoker.ControlPlane.Deployments;

/// <summary>A deployment's state; its wire name is the name in capitals.</summary>
/// <remarks>
/// <code>
/// state      event                                            next
/// CREATING   all wanted replicas answer (or none is wanted)   READY
/// CREATING   no start worked in 5 tries                       FAILED, replicas stopped; an update tries again
/// READY      the spec changed and is not satisfied            UPDATING
/// UPDATING   all wanted replicas of the new spec answer       READY
/// UPDATING   no start worked in 5 tries, or there is no room  UPDATING back to the last revision that was READY
/// UPDATING   the same, and no other revision was READY        FAILED; tries go on
/// any        deletion asked                                   DELETING
/// DELETING   every replica was observed gone                  DELETED, or the row is removed (hard)
/// DELETED    the purge time is over                           the row is removed
/// </code>
/// A READY deployment whose replica died stays READY while the replica is replaced; its status says so.
/// </remarks>
public enum DeploymentState
{
    Creating,
    Ready,
    Updating,
    Deleting,
    Failed,
    Deleted,
}

public static class DeploymentStates
{
    public static string WireName(this DeploymentState state) => state.ToString().ToUpperInvariant();
}
