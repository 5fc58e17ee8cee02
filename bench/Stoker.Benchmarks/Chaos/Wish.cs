using System.Globalization;
using Stoker.Api.Resources;

namespace Stoker.Benchmarks.Chaos;

/// <summary>What a deployment was asked to be.</summary>
/// <param name="Note">Its description: the number of the last change that carried one, so that a lost change shows.</param>
/// <param name="Counts">Replica counts that may be wanted; several where the order of two events decides.</param>
internal sealed record Wish(WishState State, int Note, int Min, int Max, int ContextLength, IReadOnlyList<int> Counts)
{
    public static Wish Nothing { get; } = new(WishState.Absent, 0, 0, 0, 0, [0]);

    /// <summary>How many replicas may run; none of what is deleted.</summary>
    public IReadOnlyList<int> Wanted => State == WishState.Live ? Counts : [0];

    public Wish Bounded(int min, int max) => this with { Min = min, Max = max, Counts = [.. Counts.Select(count => Math.Clamp(count, min, max)).Distinct()] };

    /// <summary>A count that was wanted before the deletion is forgotten, unless nobody had seen the deletion yet.</summary>
    public Wish Undeleted() => this with { State = WishState.Live, Counts = [.. Counts.Append(Math.Max(Min, 1)).Distinct()] };

    /// <summary>Whether the server's answer is this wish. Counts take a moment to follow, so they are looked at in the end.</summary>
    /// <param name="shown">Null: there is none.</param>
    public bool IsShownAs(DeploymentResource? shown) => State switch
    {
        WishState.Absent => shown is null,
        WishState.Removed => shown is null or { State: "DELETING" or "DELETED" },
        _ => shown is not null && (shown.State is "DELETING" or "DELETED") == (State == WishState.Deleted)
            && shown.Description == Note.ToString(CultureInfo.InvariantCulture)
            && (shown.MinReplicaCount, shown.MaxReplicaCount, shown.MaxContextLength) == (Min, Max, ContextLength),
    };

    public override string ToString() => State is WishState.Absent or WishState.Removed
        ? $"{State}"
        : $"{State}, change {Note}, {Min} to {Max} replicas, {string.Join(" or ", Counts)} wanted, context {ContextLength}";
}

internal enum WishState
{
    /// <summary>Never created, or removed for good and gone.</summary>
    Absent,
    Live,

    /// <summary>Deleted, and kept for a while.</summary>
    Deleted,

    /// <summary>Deleted for good: it goes as soon as its replicas are gone.</summary>
    Removed,
}
