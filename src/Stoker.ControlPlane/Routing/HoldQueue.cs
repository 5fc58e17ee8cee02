using Stoker.Api.Names;
using Stoker.ControlPlane.Serverless;

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
/// The requests of one deployment that wait for a replica: in the order in which they came, and on the serverless tier each account's in
/// that order and the account first that was served least (<see cref="FairShare"/>). Released as replicas have
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
/// request that has its place at once is never refused. Of a shared queue no account has more than what is left of it for others.
/// Whoever enters meets the newest table: entering, leaving and every event are one step under a lock.
/// </remarks>
internal sealed class HoldQueue
{
    private readonly Lock _gate = new();
    private readonly LinkedList<HeldRequest> _begun = [];
    private readonly List<HoldLine> _lines = []; // those that are not empty
    private readonly FairShare _shares = new();
    private readonly HeldAmounts _amounts = new();
    private Route? _route;
    private bool _told;
    private int _count;
    private long _bytes;

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
            if (request.Ticket is { } ticket) _shares.Enter(ticket);
            var (all, isForAddon) = (_amounts.Of(request.Addon is not null), request.Addon is not null);
            Insert_NeedsLock(request);
            var own = request is { Ticket: not null, Line: { } line } ? line.Amounts.Of(isForAddon) - new HeldAmount(1, request.Bytes) : default;
            Settle_NeedsLock();
            if (request.Place is null) return HoldRefusal.None; // it has its answer: nothing waits
            var refusal = own.Count >= maxRequests - all.Count ? HoldRefusal.Count : own.Bytes + request.Bytes > maxBytes - all.Bytes ? HoldRefusal.Bytes : HoldRefusal.None;
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

    /// <summary>A request has a place for which it did not have to wait: it counts as its account's share.</summary>
    public void Took(FairTicket ticket)
    {
        lock (_gate)
        {
            _shares.Charge(ticket);
        }
    }

    /// <summary>It is over: see <see cref="FairShare.End"/>.</summary>
    public void Ended(FairTicket ticket, long? promptTokens, long generatedTokens)
    {
        lock (_gate)
        {
            _shares.End(ticket, promptTokens, generatedTokens);
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
        for (var place = _begun.First; place is not null;)
        {
            var (request, next) = (place.Value, place.Next);
            TryRelease_NeedsLock(request);
            place = next;
        }

        ModelName? without = null; // of a crowd for one addon the first speaks for all
        foreach (var line in _lines) line.Rewind();
        while (NextLine_NeedsLock() is { } line)
        {
            var request = line.Advance();
            if (without is not null && request.Addon == without) continue;
            if (TryRelease_NeedsLock(request)) continue;
            if (request.Addon is null || (onlyPlaces && _route?.HasFree != true)) return; // none goes before it
            if (request.IsForAny) without = request.Addon;
        }
    }

    /// <summary>Of the lines with somebody to ask the one of the account that was served least; a queue that is not shared has one line.</summary>
    private HoldLine? NextLine_NeedsLock()
    {
        var (best, lowest) = ((HoldLine?)null, long.MaxValue);
        foreach (var line in _lines)
        {
            if (!line.HasNext) continue;
            if (line.Account is not { } account) return line;
            var counter = _shares.CounterOf(account);
            if (best is null || counter < lowest) (best, lowest) = (line, counter);
        }

        return best;
    }

    private bool TryRelease_NeedsLock(HeldRequest request)
    {
        if (!TryAnswer_NeedsLock(request, out var answer)) return false;
        Remove_NeedsLock(request);
        if (answer.Lease is not null && request.Ticket is { } ticket) _shares.Charge(ticket);
        request.Release(answer);
        return true;
    }

    private bool TryAnswer_NeedsLock(HeldRequest request, out HoldAnswer answer)
    {
        var route = _route?.To(request.Addon);
        answer = new(route, Lease: null);
        if (route is not { IsCallable: true } || !request.Fits(route)) return true;
        if (request.Succession is not { } succession)
        {
            answer = answer with { Lease = route.PickFree(request.Prompt, request.ExceptBy(route)) };
            return answer.Lease is not null;
        }

        var chance = succession.Among(route.Ready);
        if (chance == SuccessionChance.Fits) answer = answer with { Lease = route.Pick(succession, request.Prompt) };
        return chance == SuccessionChance.OtherKind || answer.Lease is not null; // one that fitted may be suspected since
    }

    private void Insert_NeedsLock(HeldRequest request)
    {
        request.Line = request.Succession is null ? LineOf_NeedsLock(request.Ticket?.Account) : null;
        request.Place = request.Line is { } line ? line.Requests.AddLast(request) : _begun.AddFirst(request);
        Count_NeedsLock(request, 1);
    }

    private HoldLine LineOf_NeedsLock(AccountName? account)
    {
        foreach (var line in _lines)
        {
            if (line.Account == account) return line;
        }

        var added = new HoldLine(account);
        _lines.Add(added);
        return added;
    }

    private void Count_NeedsLock(HeldRequest request, int sign)
    {
        _count += sign;
        _bytes += sign * request.Bytes;
        _amounts.Add(request, sign);
        request.Line?.Amounts.Add(request, sign);
    }

    private bool Remove_NeedsLock(HeldRequest request)
    {
        if (request.Place is not { } place) return false;
        place.List!.Remove(place);
        request.Place = null;
        Count_NeedsLock(request, -1);
        if (request.Line is { Requests.Count: 0 } empty) _lines.Remove(empty);
        return true;
    }
}
