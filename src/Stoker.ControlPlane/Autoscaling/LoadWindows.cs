using System.Collections.Concurrent;
using System.Threading.Channels;
using Stoker.Api.Names;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Autoscaling;

/// <summary>
/// The load windows of all deployments that this process controls. They are saved every few seconds, and whoever takes
/// over the control goes on from there.
/// </summary>
public sealed class LoadWindows : IDisposable
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

    // Their rows must go before this run says anything more about its rows.
    private readonly ConcurrentDictionary<DeploymentName, bool> _dropped = [];

    // What is collected later is written later.
    private readonly SemaphoreSlim _saving = new(1, 1);
    private EmptyUntil? _emptyUntil;
    private string _run = NewRun();

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
        (var windows, _emptyUntil) = _store.ReadWindows();
        foreach (var window in windows) _restored[window.Deployment] = window;
        _run = NewRun();
    }

    public void Dispose() => _saving.Dispose();

    /// <summary>This process no longer controls: nothing more is saved.</summary>
    public void Release()
    {
        _watched.Clear();
        _restored.Clear();
        _dropped.Clear();
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
        var isKnown = _restored.TryRemove(name.ToString(), out _);
        if (_watched.TryRemove(name, out _) || isKnown) _dropped[name] = true;
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

    /// <summary>How often a second was weighed; for tests.</summary>
    internal long Weighings => _watched.Values.Sum(watched => watched.Weighings);

    internal bool TryTakeHint(out DeploymentName name) => _hints.Reader.TryRead(out name!);

    /// <summary>
    /// Writes down what is news of all windows, in one commit: those in which anything was seen, and one word for all
    /// in which nothing was.
    /// </summary>
    public async Task SaveAsync(CancellationToken cancellation)
    {
        await _saving.WaitAsync(cancellation);
        try
        {
            var (run, dropped) = (_run, _dropped.Keys.ToList());
            var (due, windows) = (new List<(WatchedLoad Watched, WindowSave Save)>(), new List<StoredWindow>());
            long? last = null;
            foreach (var (name, watched) in _watched)
            {
                if (watched.Save() is not { } save) continue;
                if (save.IsSampled) last = Math.Min(last ?? save.LastSecond, save.LastSecond);
                if (save.Window is null || !save.IsSampled) continue; // what is of an earlier run is stored
                due.Add((watched, save));
                windows.Add(Stored(name, save.Window, save, run));
            }

            if (last is null && dropped.Count == 0) return;
            await _store.SaveWindowsAsync(
                new([.. dropped.Select(name => name.ToString())], windows, last is { } second ? new(run, second, EndOf(second)) : null), cancellation);
            foreach (var (watched, save) in due) watched.NoteSaved(save);
            foreach (var name in dropped) _dropped.TryRemove(name, out _);
        }
        finally
        {
            _saving.Release();
        }
    }

    /// <summary>Writes one window down, at a moment that a restart must not undo.</summary>
    public async Task SaveAsync(DeploymentName name, CancellationToken cancellation)
    {
        await _saving.WaitAsync(cancellation);
        try
        {
            if (!_watched.TryGetValue(name, out var watched) || watched.Save() is not { Window: { } bytes } save) return;
            await _store.SaveWindowsAsync(WindowsWrite.Of(Stored(name, bytes, save, _run)), cancellation);
            if (save.IsSampled) watched.NoteSaved(save);
        }
        finally
        {
            _saving.Release();
        }
    }

    private StoredWindow Stored(DeploymentName name, byte[] bytes, WindowSave save, string run) =>
        new(name.ToString(), bytes, _clock.BootId, save.LastSecond, EndOf(save.LastSecond), save.IsSampled ? run : "");

    /// <summary>The wall time of a second's end.</summary>
    private DateTimeOffset EndOf(long second) => _clock.Now - TimeSpan.FromSeconds(Math.Max(0, Second - 1 - second));

    private static string NewRun() => Guid.NewGuid().ToString("N");

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
        var (last, time) = _emptyUntil is { } empty && IsAbout(empty, stored) ? (empty.LastSecond, empty.Time) : (stored.LastSecond, stored.Time);
        long end;
        if (stored.BootId == _clock.BootId && stored.BootId.Length > 0)
        {
            if (last >= Second) return null;
            end = last;
        }
        else
        {
            var ago = _clock.Now - time;
            if (ago < TimeSpan.Zero) return null;
            end = Second - 1 - (long)Math.Ceiling(ago.TotalSeconds);
        }

        var window = LoadWindow.Read(stored.Window, policy.Memory, end - (last - stored.LastSecond));
        return window?.TryAddEmpty(end) == true ? window : null;
    }

    /// <summary>A run has seen nothing after what it wrote, and knows nothing of what others wrote.</summary>
    private static bool IsAbout(EmptyUntil empty, StoredWindow stored) =>
        empty.Run == stored.Run && stored.Run.Length > 0 && empty.LastSecond > stored.LastSecond;
}
