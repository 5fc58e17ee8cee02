namespace Stoker.ControlPlane.Storage;

/// <summary>
/// Wakes everybody who waits. Take <see cref="Next"/> before looking, so that a change between look and wait is not
/// lost.
/// </summary>
internal sealed class ChangeSignal
{
    private TaskCompletionSource _next = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public Task Next => Volatile.Read(ref _next).Task;

    public void Raise() =>
        Interlocked.Exchange(ref _next, new(TaskCreationOptions.RunContinuationsAsynchronously)).SetResult();
}
