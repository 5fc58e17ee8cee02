namespace Stoker.Replica.Hosting;

/// <summary>
/// The owner's sign of life. When it stays away for the lease's length, <see cref="Expired"/> completes: no replica
/// without an owner.
/// </summary>
internal sealed class Lease : IDisposable
{
    // Far above any lease that makes sense; keeps timers in their range.
    public const double MostSeconds = 86_400;

    private readonly TaskCompletionSource _expired = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ITimer? _timer;

    /// <param name="length">Null: started by hand, no owner, never expires.</param>
    public Lease(TimeSpan? length, TimeProvider time)
    {
        if (length is { } due)
        {
            _timer = time.CreateTimer(_ => _expired.TrySetResult(), null, due, Timeout.InfiniteTimeSpan);
        }
    }

    public Task Expired => _expired.Task;

    /// <summary>Extends the lease to that long from now. One that has run out stays so: the drain has begun.</summary>
    public bool TryRenew(TimeSpan length)
    {
        if (_expired.Task.IsCompleted) return false;
        return _timer?.Change(length, Timeout.InfiniteTimeSpan) ?? true;
    }

    public void Dispose() => _timer?.Dispose();
}
