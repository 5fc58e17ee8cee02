using System.Globalization;
using Stoker.Api.Resources;

namespace Stoker.Benchmarks.Chaos;

/// <summary>What a deployment was asked to be.</summary>
/// <param name="Note">Its description: the number of the last change that carried one, so that a lost change shows.</param>
/// <param name="Counts">Replica counts that may be wanted; several where the order of two events decides.</param>
internal sealed record Wish(WishState State, int Note, int Min, int Max, int ContextLength, IReadOnlyList<int> Counts)
{
    private const string Ready = "READY";

    /// <summary>
    /// Counts as they were asked for, which nobody has been seen to take up. A server that was killed before it looked
    /// puts the newest bounds around them, and none of those that came and went meanwhile.
    /// </summary>
    public IReadOnlyList<int> Open { get; init; } = [];

    public static Wish Nothing { get; } = new(WishState.Absent, 0, 0, 0, 0, [0]);

    /// <summary>How many replicas may run; none of what is deleted.</summary>
    public IReadOnlyList<int> Wanted => State == WishState.Live ? Counts : [0];

    /// <summary>One replica, or as many as the bounds ask for; a count that was wanted before is forgotten.</summary>
    public Wish Begun() => this with { State = WishState.Live, Counts = [Math.Clamp(1, Min, Max)], Open = [1] };

    public Wish Scaled(int count) => this with { Counts = [count], Open = [count] };

    public Wish Bounded(int min, int max) => this with
    {
        Min = min,
        Max = max,
        Counts = [.. Counts.Concat(Open).Select(count => Math.Clamp(count, min, max)).Distinct()],
    };

    /// <summary>What is known now that the server's answer was this wish: one that is READY has taken up every change.</summary>
    public Wish After(DeploymentResource? shown) => (State, shown) switch
    {
        (WishState.Removed, null) => Nothing, // removed and gone is as if it had never been
        (WishState.Live, { State: Ready, DesiredReplicaCount: { } count }) => this with { Counts = [count], Open = [] },
        _ => this,
    };

    /// <summary>Whether the server's answer is this wish. Counts take a moment to follow: READY says that they have.</summary>
    /// <param name="shown">Null: there is none.</param>
    public bool IsShownAs(DeploymentResource? shown) => State switch
    {
        WishState.Absent => shown is null,
        WishState.Removed => shown is null or { State: "DELETING" or "DELETED" },
        _ => shown is not null && (shown.State is "DELETING" or "DELETED") == (State == WishState.Deleted)
            && shown.Description == Note.ToString(CultureInfo.InvariantCulture)
            && (shown.MinReplicaCount, shown.MaxReplicaCount, shown.MaxContextLength) == (Min, Max, ContextLength)
            && (shown.State != Ready || Counts.Contains(shown.DesiredReplicaCount ?? -1)),
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
