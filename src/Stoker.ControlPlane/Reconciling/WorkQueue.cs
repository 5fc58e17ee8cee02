using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Stoker.ControlPlane.Reconciling;

/// <summary>
/// Names that someone should look at, each at most once at a time. A name means "look here", never "this changed". One
/// reader.
/// </summary>
public sealed class WorkQueue<TName>(TimeProvider time) : IDisposable
    where TName : notnull
{
    private readonly Lock _lock = new();
    private readonly HashSet<TName> _queued = [];
    private readonly Dictionary<TName, Alarm> _alarms = [];
    private readonly long _begun = time.GetTimestamp();

    // Bounded by the set: a name is in it once.
    private readonly Channel<TName> _channel = Channel.CreateUnbounded<TName>(new() { SingleReader = true });

    public void Add(TName name)
    {
        lock (_lock)
        {
            if (_queued.Add(name)) _channel.Writer.TryWrite(name);
        }
    }

    /// <summary>Adds the name after a delay. Of several alarms for one name the earliest counts.</summary>
    public void AddAfter(TName name, TimeSpan delay)
    {
        var due = Passed + delay;
        lock (_lock)
        {
            if (_alarms.TryGetValue(name, out var earlier))
            {
                if (earlier.Due <= due) return;
                earlier.Timer.Dispose();
            }

            _alarms[name] = new(due, time.CreateTimer(_ => Ring(name, due), null, delay, Timeout.InfiniteTimeSpan));
        }
    }

    /// <summary>Takes the next name; from then on the same name may be queued again.</summary>
    public bool TryTake(out TName name)
    {
        lock (_lock)
        {
            if (!_channel.Reader.TryRead(out name!)) return false;
            _queued.Remove(name);
            return true;
        }
    }

    public async IAsyncEnumerable<TName> ReadAllAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        while (await _channel.Reader.WaitToReadAsync(cancellation))
        {
            while (TryTake(out var name))
            {
                yield return name;
                cancellation.ThrowIfCancellationRequested();
            }
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            foreach (var alarm in _alarms.Values) alarm.Timer.Dispose();
            _alarms.Clear();
            _channel.Writer.TryComplete();
        }
    }

    /// <summary>By the clock that nobody sets: a step of the wall clock must not make a later alarm the earlier one.</summary>
    private TimeSpan Passed => time.GetElapsedTime(_begun);

    private void Ring(TName name, TimeSpan due)
    {
        lock (_lock)
        {
            // An alarm that was replaced may still ring: its time is not the recorded one.
            if (_alarms.TryGetValue(name, out var alarm) && alarm.Due == due)
            {
                alarm.Timer.Dispose();
                _alarms.Remove(name);
            }
        }

        Add(name);
    }

    private sealed record Alarm(TimeSpan Due, ITimer Timer);
}
