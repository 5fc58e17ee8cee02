namespace Stoker.ControlPlane.Routing;

/// <summary>A place on a replica for one request; giving it back twice counts once.</summary>
public sealed class ReplicaLease : IDisposable
{
    private readonly SharedRoute _shared;
    private readonly PrefillPlace? _place;
    private int _told;
    private int _ended;

    /// <param name="shared">Of the deployment: who waits there gets the place next.</param>
    /// <param name="place">Its prompt's place among those that the replica computes; null: nothing is known of it.</param>
    internal ReplicaLease(ReplicaTarget replica, SharedRoute shared, in RankedReplica chosen, long promptBytes, PrefillPlace? place) =>
        (Replica, _shared, Chosen, PromptBytes, _place) = (replica, shared, chosen, promptBytes, place);

    public ReplicaTarget Replica { get; }

    /// <summary>Why this replica.</summary>
    internal RankedReplica Chosen { get; }

    internal long PromptBytes { get; }

    /// <summary>The answer begins: of a stream, with its first token.</summary>
    internal void FirstToken() => FirstTokenAt(_shared.Now);

    /// <param name="at">When it came, by the deployment's clock.</param>
    internal void FirstTokenAt(double at)
    {
        if (_place is { Tells: true } place && Interlocked.Exchange(ref _told, 1) == 0) Replica.Prefill.FirstToken(place, at, PromptBytes, _shared.Speed);
    }

    /// <summary>The replica says what share of the prompt it computed, and in how many seconds.</summary>
    internal void Computed(double share, double seconds) => Replica.Prefill.Computed((long)(PromptBytes * share), seconds, _shared.Speed);

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _ended, 1) != 0) return;
        if (_place is { } place && Interlocked.Exchange(ref _told, 1) == 0) Replica.Prefill.End(place, _shared.Now);
        Replica.End();
        _shared.Queue.PlaceFreed();
    }
}
