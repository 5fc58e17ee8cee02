using System.Collections.Concurrent;

namespace Stoker.ControlPlane.Accounts;

/// <summary>What is remembered of one key between requests: when it was used last, and from where.</summary>
/// <remarks>Written by every request without a lock and read now and then: each field is one word and stands alone.</remarks>
internal sealed class KeyUse
{
    // Finer would have every request of a busy key write to the same cache line.
    private const long Resolution = TimeSpan.TicksPerSecond;

    private long _lastTicks;
    private ulong _address;

    /// <summary>Since this process started; null when it was not.</summary>
    public DateTimeOffset? Last => Volatile.Read(ref _lastTicks) is > 0 and var ticks ? new(ticks, TimeSpan.Zero) : null;

    public void Mark(DateTimeOffset now, RemoteAddress address)
    {
        if (now.UtcTicks - Volatile.Read(ref _lastTicks) >= Resolution) Volatile.Write(ref _lastTicks, now.UtcTicks);
        if (Volatile.Read(ref _address) != address.Digest) Volatile.Write(ref _address, address.Digest);
    }

    /// <summary>Whether the key's last use came from here.</summary>
    public bool CameFrom(RemoteAddress address) => Volatile.Read(ref _address) == address.Digest;
}

/// <summary>The uses of all keys of the ring, which outlive a ring.</summary>
internal sealed class KeyUses
{
    private readonly ConcurrentDictionary<ApiKeyName, KeyUse> _uses = new();

    public IEnumerable<KeyValuePair<ApiKeyName, KeyUse>> All => _uses;

    public KeyUse Of(ApiKeyName key) => _uses.GetOrAdd(key, _ => new());

    /// <summary>Lets go of keys that are no more.</summary>
    public void KeepOnly(IReadOnlySet<ApiKeyName> keys)
    {
        foreach (var (key, _) in _uses)
        {
            if (!keys.Contains(key)) _uses.TryRemove(key, out _);
        }
    }
}
