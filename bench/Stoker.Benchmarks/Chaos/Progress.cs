namespace Stoker.Benchmarks.Chaos;

/// <summary>Counts what moves a run forward: answers of the server, and changes of replicas that were seen.</summary>
internal sealed class Progress
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(5);
    private long _steps;

    public long Steps => Interlocked.Read(ref _steps);

    public void Step() => Interlocked.Increment(ref _steps);

    /// <summary>Until so many more steps were taken; or, when nothing moves, no longer than that.</summary>
    public async Task AfterAsync(int more, TimeSpan most, CancellationToken cancellation)
    {
        var (goal, begun) = (Steps + more, TimeProvider.System.GetTimestamp());
        while (Steps < goal && TimeProvider.System.GetElapsedTime(begun) < most) await Task.Delay(LookAgain, TimeProvider.System, cancellation);
    }
}
