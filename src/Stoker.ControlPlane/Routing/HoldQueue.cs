using Stoker.Api.Names;

namespace Stoker.ControlPlane.Routing;

/// <summary>Why a request is not held.</summary>
internal enum HoldRefusal
{
    None,

    /// <summary>As many are held as may be.</summary>
    Count,

    /// <summary>Their bodies have as many bytes as may be held.</summary>
    Bytes,
}

/// <summary>
/// The requests of one deployment that wait for a replica, in the order in which they came. Released as replicas have
/// places, so that the first replica meets no herd; all answered at once when no replica will come.
/// </summary>
/// <remarks>
/// <code>
/// event                                    the first in the queue, then the next
/// a table with a free place, a place freed gets the place
/// a table in which it cannot be called     gets the route that says why
/// a table without the deployment           gets nothing
/// </code>
/// Streams that have begun and lost their replica stand before the others, and keep none of them waiting: the first replica
/// that is ready and has not failed them takes them, or, being of another kind, ends their wait.
/// One that wants an addon keeps no others waiting either: the replicas that have it may be few. It is asked first whenever a
/// place is free.
/// Those for addons have the same bounds again, apart: addons that are not there leave room for requests that wait for a place, and a
/// request that has its place at once is never refused.
/// Whoever enters meets the newest table: entering, leaving and every event are one step under a lock.
/// </remarks>
internal sealed class HoldQueue
{
    private readonly Lock _gate = new();
    private readonly LinkedList<HeldRequest> _held = [];
    private Route? _route;
    private bool _told;
    private int _count;
    private long _bytes;

    // Those of requests for addons: they have bounds of their own.
    private int _addonCount;
    private long _addonBytes;

    /// <summary>Requests that wait. Read without the lock: whoever finds it 0 need not enter.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Bytes of their bodies.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>The deployment by the newest table that was told; null before the first, or when it is gone.</summary>
    public Route? Newest => Volatile.Read(ref _route);

    /// <param name="route">What the caller goes by; a newer one counts more.</param>
    public HoldRefusal TryEnter(HeldRequest request, Route route, int maxRequests, long maxBytes)
    {
        lock (_gate)
        {
            if (!_told) _route = route.Whole;
            var (count, bytes) = request.Addon is null ? (_count - _addonCount, _bytes - _addonBytes) : (_addonCount, _addonBytes);
            Insert_NeedsLock(request);
            Settle_NeedsLock();
            if (request.Place is null) return HoldRefusal.None; // it has its answer: nothing waits
            var refusal = count >= maxRequests ? HoldRefusal.Count : bytes + request.Bytes > maxBytes ? HoldRefusal.Bytes : HoldRefusal.None;
            if (refusal != HoldRefusal.None) Remove_NeedsLock(request);
            return refusal;
        }
    }

    /// <summary>False when it has its answer already.</summary>
    public bool TryLeave(HeldRequest request)
    {
        lock (_gate)
        {
            return Remove_NeedsLock(request);
        }
    }

    /// <param name="route">The deployment in the newest table; null when it is not there any more.</param>
    public void Follow(Route? route)
    {
        lock (_gate)
        {
            (_route, _told) = (route, true);
            Settle_NeedsLock();
        }
    }

    /// <summary>A replica has one request less, or is trusted again.</summary>
    public void PlaceFreed()
    {
        if (Count == 0) return;
        lock (_gate)
        {
            Settle_NeedsLock(onlyPlaces: true);
        }
    }

    /// <param name="onlyPlaces">Nothing is new but a place: when that is taken, nobody further back can have it.</param>
    private void Settle_NeedsLock(bool onlyPlaces = false)
    {
        ModelName? without = null; // of a crowd for one addon the first speaks for all
        for (var place = _held.First; place is not null;)
        {
            var (request, next) = (place.Value, place.Next);
            if (without is not null && request.Succession is null && request.Addon == without)
            {
                place = next;
                continue;
            }

            if (TryAnswer_NeedsLock(request, out var answer))
            {
                Remove_NeedsLock(request);
                request.Release(answer);
            }
            else if (request.Succession is null && (request.Addon is null || (onlyPlaces && _route?.HasFree != true)))
            {
                return; // none goes before it
            }
            else if (request is { Succession: null, IsForAny: true })
            {
                without = request.Addon;
            }

            place = next;
        }
    }

    private bool TryAnswer_NeedsLock(HeldRequest request, out HoldAnswer answer)
    {
        var route = _route?.To(request.Addon);
        answer = new(route, Lease: null);
        if (route is not { IsCallable: true } || !request.Fits(route)) return true;
        if (request.Succession is not { } succession)
        {
            answer = answer with { Lease = route.PickFree(request.ExceptBy(route)) };
            return answer.Lease is not null;
        }

        var chance = succession.Among(route.Ready);
        if (chance == SuccessionChance.Fits) answer = answer with { Lease = route.Pick(succession) };
        return chance == SuccessionChance.OtherKind || answer.Lease is not null; // one that fitted may be suspected since
    }

    private void Insert_NeedsLock(HeldRequest request)
    {
        request.Place = request.Succession is null ? _held.AddLast(request) : _held.AddFirst(request);
        Count_NeedsLock(request, 1);
    }

    private void Count_NeedsLock(HeldRequest request, int change)
    {
        _count += change;
        _bytes += change * request.Bytes;
        if (request.Addon is null) return;
        _addonCount += change;
        _addonBytes += change * request.Bytes;
    }

    private bool Remove_NeedsLock(HeldRequest request)
    {
        if (request.Place is not { } place) return false;
        _held.Remove(place);
        request.Place = null;
        Count_NeedsLock(request, -1);
        return true;
    }
}
