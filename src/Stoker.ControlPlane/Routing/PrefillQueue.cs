namespace Stoker.ControlPlane.Routing;

/// <summary>One prompt's place in a <see cref="PrefillQueue"/>.</summary>
/// <param name="SentAt">In seconds, as all times here.</param>
/// <param name="Seconds">What the prompt was thought to take by itself.</param>
/// <param name="Bytes">Of it, that the replica was thought not to have.</param>
/// <param name="DueAt">When its first token was to come.</param>
/// <param name="Shift">The queue's corrections up to then.</param>
/// <param name="Tells">Its first token will be told.</param>
internal readonly record struct PrefillPlace(double SentAt, double Seconds, long Bytes, double DueAt, double Shift, bool Tells);

/// <summary>
/// How long a prompt would wait at one replica for those that were sent before it: a line in which each takes its uncached bytes at the
/// replica's speed, set right by every first token that comes, early or late.
/// </summary>
/// <remarks>
/// A replica that owes a first token and does not tell it falls back: the wait grows with the time that it is overdue. So what is not
/// known of it makes it neither full nor empty. Times are seconds of one clock, given by the caller. Who reads takes no lock.
/// </remarks>
internal sealed class PrefillQueue
{
    /// <summary>News take a while; a step of a busy engine takes half a second.</summary>
    private const double Patience = 1;

    /// <summary>Shorter prompts tell more of the overhead than of the speed.</summary>
    private const long LeastSampleBytes = 2048;

    private readonly Lock _gate = new();
    private double _freeAt; // when all that was sent has its first token
    private double _shift; // of all corrections
    private double _dueAt; // when the next first token is to be told
    private double _lastAt; // when the newest came
    private int _owed; // first tokens that are to be told and were not

    public PrefillSpeed Speed { get; } = new();

    /// <summary>Seconds from <paramref name="now"/> until a prompt that is sent now would begin.</summary>
    public double WaitAt(double now)
    {
        var wait = Math.Max(0, Volatile.Read(ref _freeAt) - now);
        return Volatile.Read(ref _owed) > 0 ? wait + Math.Max(0, now - Volatile.Read(ref _dueAt) - Patience) : wait;
    }

    /// <param name="bytes">What the replica has to compute of it.</param>
    /// <param name="tells">Whether <see cref="FirstToken"/> will be called for it.</param>
    public PrefillPlace Send(double now, long bytes, double bytesPerSecond, bool tells)
    {
        var seconds = bytes / bytesPerSecond;
        lock (_gate)
        {
            if (_freeAt < now) // idle, or late: those that are owed are late by as much
            {
                _shift += _owed > 0 ? now - _freeAt : 0;
                _freeAt = now;
            }

            _freeAt += seconds;
            if (tells && _owed++ == 0) _dueAt = _freeAt;
            return new(now, seconds, bytes, _freeAt, _shift, tells);
        }
    }

    /// <param name="at">When it came; news may be older than what was sent since.</param>
    /// <param name="promptBytes">Of the whole prompt: where most of it should have been there, the speed cannot be told from it.</param>
    /// <param name="common">Of all replicas of the deployment.</param>
    public void FirstToken(in PrefillPlace place, double at, long promptBytes, PrefillSpeed common)
    {
        lock (_gate)
        {
            var took = at - Math.Max(place.SentAt, _lastAt);
            if (place.Bytes >= LeastSampleBytes && place.Bytes >= promptBytes / 2 && took > 0)
            {
                Speed.Note(place.Bytes / took);
                common.Note(place.Bytes / took);
            }

            _lastAt = Math.Max(_lastAt, at);
            Move_NeedsLock(at - (place.DueAt + (_shift - place.Shift)));
            if (--_owed > 0) _dueAt = at + (Math.Max(0, _freeAt - at) / _owed);
        }
    }

    /// <summary>The replica says itself what it computed, and how long it took for it.</summary>
    public void Computed(long bytes, double seconds, PrefillSpeed common)
    {
        if (bytes < LeastSampleBytes || seconds <= 0) return;
        lock (_gate)
        {
            Speed.Note(bytes / seconds);
            common.Note(bytes / seconds);
        }
    }

    /// <summary>It ended, and its first token was not told: it failed, its client left, or it is not streamed.</summary>
    public void End(in PrefillPlace place, double at)
    {
        lock (_gate)
        {
            var early = place.DueAt + (_shift - place.Shift) - at;
            if (early > 0) Move_NeedsLock(-Math.Min(early, place.Seconds)); // those behind it move up
            if (place.Tells && --_owed > 0) _dueAt = Math.Max(_dueAt, at);
        }
    }

    private void Move_NeedsLock(double seconds)
    {
        _shift += seconds;
        Volatile.Write(ref _freeAt, _freeAt + seconds);
    }
}

/// <summary>Bytes of prompts that are computed a second, as first tokens tell it.</summary>
internal sealed class PrefillSpeed
{
    /// <summary>Before the first is told: some 8,000 tokens a second. Ranks hardly depend on it while it is the same for all.</summary>
    public const double Usual = 32_000;

    private const double Weight = 0.1; // of the newest
    private const double MostChange = 4; // at a time: one wrong guess of what is cached is not to count for more
    private const double Alike = 1.5;

    private double _bytesPerSecond;

    /// <summary>0 before the first is told.</summary>
    public double BytesPerSecond => Volatile.Read(ref _bytesPerSecond);

    /// <summary>This replica's by its own figures, where they differ enough from those of all for more than chance.</summary>
    /// <remarks>Else idle replicas would not be equal, and a little luck would get one all the work.</remarks>
    public double Among(double common)
    {
        var own = BytesPerSecond;
        return own > 0 && (own > common * Alike || own * Alike < common) ? own : common;
    }

    public void Note(double bytesPerSecond)
    {
        var known = BytesPerSecond;
        var next = known == 0 ? bytesPerSecond : known + (Weight * (Math.Clamp(bytesPerSecond, known / MostChange, known * MostChange) - known));
        Volatile.Write(ref _bytesPerSecond, next); // of two at once one is lost, no more
    }
}
