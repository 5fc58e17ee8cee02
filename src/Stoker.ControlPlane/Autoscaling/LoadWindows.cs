using System.Collections.Concurrent;
using System.Threading.Channels;
using Stoker.Api.Names;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Autoscaling;

/// <summary>
/// The load windows of all deployments that this process controls. They are saved every few seconds, and whoever takes
/// over the control goes on from there.
/// </summary>
public sealed class LoadWindows
{
    // Each deployment's next second repeats a hint that found no room.
    private const int MostHints = 4096;

    private readonly LoadBoard _board;
    private readonly IScalingStore _store;
    private readonly BootClock _clock;
    private readonly ConcurrentDictionary<DeploymentName, WatchedLoad> _watched = [];
    private readonly Channel<DeploymentName> _hints = Channel.CreateBounded<DeploymentName>(
        new BoundedChannelOptions(MostHints) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly ConcurrentDictionary<string, StoredWindow> _restored = [];

    public LoadWindows(LoadBoard board, IScalingStore store, TimeProvider time)
    {
        (_board, _store, _clock) = (board, store, new(time));
        board.Woke += Wake; // at once, not at the next second
    }

    private long Second => _clock.Stamp / TimeSpan.TicksPerSecond;

    /// <summary>
    /// This process controls from now on: what another one saved counts, and nothing that is remembered here.
    /// </summary>
    public void TakeOver()
    {
        Release();
        foreach (var window in _store.ReadWindows()) _restored[window.Deployment] = window;
    }

    /// <summary>This process no longer controls: nothing more is saved.</summary>
    public void Release()
    {
        _watched.Clear();
        _restored.Clear();
    }

    /// <summary>Decides about a deployment, which is watched from then on.</summary>
    /// <param name="input">Its window, load and time are put in here.</param>
    public ScalingDecision Decide(DeploymentName name, ScalingInput input)
    {
        if (!_watched.TryGetValue(name, out var watched)) watched = Watch(name, input.Policy);
        var decision = watched.Decide(input, Second);
        // A request that came while this was decided found nobody asleep yet.
        if (watched.Sleeps && watched.IsTimeToDecide(Second)) _hints.Writer.TryWrite(name);
        return decision;
    }

    /// <summary>What would be decided about it now; null when it is not watched here.</summary>
    public ScalingDecision? Look(DeploymentName name) =>
        _watched.TryGetValue(name, out var watched) ? watched.Look(Second, _clock.Now) : null;

    /// <summary>For a deployment that is being deleted: no count is wanted of it.</summary>
    public void Unwatch(DeploymentName name)
    {
        _watched.TryRemove(name, out _);
        _restored.TryRemove(name.ToString(), out _);
    }

    /// <summary>One look at all counters, for every second that is over since the last one.</summary>
    public void Sample()
    {
        var over = Second - 1;
        foreach (var (name, watched) in _watched)
        {
            if (watched.Sample(over)) _hints.Writer.TryWrite(name);
        }
    }

    /// <summary>
    /// Deployments that may need another count. A name may come twice or for nothing, and comes again next second.
    /// </summary>
    public IAsyncEnumerable<DeploymentName> HintsAsync(CancellationToken cancellation) => _hints.Reader.ReadAllAsync(cancellation);

    internal bool TryTakeHint(out DeploymentName name) => _hints.Reader.TryRead(out name!);

    /// <summary>Writes all windows down, in one commit.</summary>
    public async Task SaveAsync(CancellationToken cancellation)
    {
        var windows = new List<StoredWindow>(_watched.Count);
        foreach (var (name, watched) in _watched) Collect(name, watched, windows);
        if (windows.Count > 0) await _store.SaveWindowsAsync(windows, cancellation);
    }

    /// <summary>Writes one window down, at a moment that a restart must not undo.</summary>
    public async Task SaveAsync(DeploymentName name, CancellationToken cancellation)
    {
        var windows = new List<StoredWindow>(1);
        if (_watched.TryGetValue(name, out var watched)) Collect(name, watched, windows);
        if (windows.Count > 0) await _store.SaveWindowsAsync(windows, cancellation);
    }

    private void Collect(DeploymentName name, WatchedLoad watched, List<StoredWindow> windows)
    {
        if (watched.Save() is not (var bytes, var last)) return;
        var endTime = _clock.Now - TimeSpan.FromSeconds(Math.Max(0, Second - 1 - last));
        windows.Add(new(name.ToString(), bytes, _clock.BootId, last, endTime));
    }

    private void Wake(DeploymentName name)
    {
        if (_watched.TryGetValue(name, out var watched) && watched.Sleeps) _hints.Writer.TryWrite(name);
    }

    private WatchedLoad Watch(DeploymentName name, ScalingPolicy policy)
    {
        var window = _restored.TryRemove(name.ToString(), out var stored) ? Restore(stored, policy) : null;
        return _watched.GetOrAdd(name, new WatchedLoad(window ?? new(policy.Memory), () => _board.Of(name)));
    }

    /// <summary>
    /// Seconds of another boot are told by the wall clock; one that ends in the future says that the clock was set, and
    /// then nothing is known.
    /// </summary>
    private LoadWindow? Restore(StoredWindow stored, ScalingPolicy policy)
    {
        if (stored.BootId == _clock.BootId && stored.BootId.Length > 0)
        {
            return stored.LastSecond < Second ? LoadWindow.Read(stored.Window, policy.Memory, stored.LastSecond) : null;
        }

        var ago = _clock.Now - stored.Time;
        if (ago < TimeSpan.Zero) return null;
        return LoadWindow.Read(stored.Window, policy.Memory, Second - 1 - (long)Math.Ceiling(ago.TotalSeconds));
    }
}
