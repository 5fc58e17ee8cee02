namespace Stoker.ControlPlane.Serverless;

/// <summary>
/// A bucket that fills at an even pace and may be owed to: pure, on the caller's clock. Whoever asks before it has enough waits; what was
/// taken beyond it, because only the end of a request tells its tokens, is paid by those that come after.
/// </summary>
/// <remarks>
/// The framework's limiters (System.Threading.RateLimiting) have neither debts nor a clock of the caller's, and their permits are
/// bought before the work.
/// </remarks>
internal struct TokenBucket
{
    private readonly double _perSecond;
    private double _level;
    private TimeSpan _at;

    /// <param name="perMinute">The pace; the bucket holds as much, so that a minute's worth may come at once.</param>
    /// <param name="now">On a clock that never goes back.</param>
    public TokenBucket(int perMinute, TimeSpan now) => (Capacity, _perSecond, _level, _at) = (perMinute, perMinute / 60.0, perMinute, now);

    public int Capacity { get; }

    /// <summary>What may be taken now; below zero it is owed.</summary>
    public double Level(TimeSpan now) => Math.Min(Capacity, _level + (Math.Max(0, (now - _at).TotalSeconds) * _perSecond));

    /// <param name="amount">Negative gives back; no more than the bucket holds is kept.</param>
    public void Take(double amount, TimeSpan now)
    {
        _level = Math.Min(Capacity, Level(now) - amount);
        if (now > _at) _at = now;
    }

    /// <summary>How long until so much may be taken; zero when it may now. More than the bucket holds is never there: then until it is full.</summary>
    public TimeSpan Until(double amount, TimeSpan now)
    {
        var lacking = Math.Min(amount, Capacity) - Level(now);
        return lacking <= 0 ? TimeSpan.Zero : TimeSpan.FromSeconds(lacking / _perSecond);
    }
}
