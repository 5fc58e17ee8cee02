namespace Stoker.ControlPlane.Routing;

/// <summary>Which replicas may go on with what others left: those of the same kind that have not failed it too.</summary>
internal sealed class Succession(string kind)
{
    private readonly HashSet<ReplicaTarget> _failed = [];

    /// <summary>None that it has failed is asked again.</summary>
    public void Failed(ReplicaTarget replica) => _failed.Add(replica);

    public bool Fits(ReplicaTarget replica) => replica.Kind == kind && !HasFailed(replica);

    /// <summary>What a table has for it.</summary>
    public SuccessionChance Among(IReadOnlyList<ReplicaTarget> ready)
    {
        var chance = ready.Count == 0 ? SuccessionChance.NoneReady : SuccessionChance.OnlyFailed;
        for (var index = 0; index < ready.Count; index++)
        {
            if (Fits(ready[index])) return SuccessionChance.Fits;
            if (!HasFailed(ready[index])) chance = SuccessionChance.OtherKind;
        }

        return chance;
    }

    /// <summary>One that is suspected fails whoever comes.</summary>
    private bool HasFailed(ReplicaTarget replica) => replica.IsSuspected || _failed.Contains(replica);
}

internal enum SuccessionChance
{
    /// <summary>One may come.</summary>
    NoneReady,

    /// <summary>Ready are those that failed: nobody has noticed yet.</summary>
    OnlyFailed,

    /// <summary>Ready are replicas of another kind: the deployment has gone over to it.</summary>
    OtherKind,

    Fits,
}
