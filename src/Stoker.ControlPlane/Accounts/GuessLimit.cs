using Microsoft.Extensions.Options;

namespace Stoker.ControlPlane.Accounts;

/// <summary>Slows down who sends wrong keys, by remote address.</summary>
/// <remarks>
/// An address may send some wrong keys at once and then so many in a minute. While it has none left, its keys are refused
/// unseen, so that a guess that would have been right looks like any other; only a key whose last use came from that very
/// address still opens, so that one bad program does not lock out the good ones behind the same router or proxy. What is
/// refused unseen costs nothing: the way is free again one interval after the last wrong key that was looked at.
/// Each address is one instant, "its tries are used up to here", that a wrong key moves on (a leaky bucket as one number).
/// </remarks>
internal sealed class GuessLimit(TimeProvider time, IOptions<AccountOptions> options)
{
    /// <summary>Some 50 bytes each. When all places are taken, the others share one.</summary>
    internal const int MaxAddresses = 10_000;

    private readonly Lock _lock = new();
    private readonly Dictionary<RemoteAddress, TimeSpan> _usedUntil = [];
    private readonly long _start = time.GetTimestamp();
    private readonly TimeSpan _interval = TimeSpan.FromMinutes(1) / options.Value.WrongKeysPerMinute;
    private TimeSpan _swept;

    // Looked at without the lock: nobody guesses, mostly, and then a request pays one read.
    private volatile bool _any;

    /// <summary>How long an address has to wait; null when its keys are looked at.</summary>
    public TimeSpan? WaitOf(RemoteAddress address)
    {
        if (!_any) return null;
        var now = time.GetElapsedTime(_start);
        lock (_lock)
        {
            var place = PlaceOf_NeedsLock(address);
            if (!_usedUntil.TryGetValue(place, out var until)) return null;
            if (until <= now)
            {
                _usedUntil.Remove(place);
                _any = _usedUntil.Count > 0;
                return null;
            }

            var wait = until - now - Allowed;
            return wait > TimeSpan.Zero ? wait : null;
        }
    }

    public void CountWrong(RemoteAddress address)
    {
        var now = time.GetElapsedTime(_start);
        lock (_lock)
        {
            Sweep_NeedsLock(now);
            var place = PlaceOf_NeedsLock(address);
            var from = _usedUntil.TryGetValue(place, out var until) && until > now ? until : now;
            _usedUntil[place] = from + _interval;
            _any = true;
        }
    }

    private TimeSpan Allowed => _interval * (options.Value.WrongKeysAtOnce - 1);

    private RemoteAddress PlaceOf_NeedsLock(RemoteAddress address) =>
        _usedUntil.ContainsKey(address) || _usedUntil.Count < MaxAddresses ? address : RemoteAddress.Any;

    /// <summary>At most once an interval: a full table is swept whole.</summary>
    private void Sweep_NeedsLock(TimeSpan now)
    {
        if (_usedUntil.Count < MaxAddresses || now - _swept < _interval) return;
        _swept = now;
        foreach (var (address, until) in _usedUntil)
        {
            if (until <= now) _usedUntil.Remove(address);
        }
    }
}
