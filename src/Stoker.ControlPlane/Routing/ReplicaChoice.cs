namespace Stoker.ControlPlane.Routing;

/// <summary>What is known of a replica when a request is to be given to it.</summary>
/// <param name="Wait">Seconds until a prompt that is sent now would begin.</param>
/// <param name="CachedBytes">Of the prompt's beginning, what it should have.</param>
/// <param name="Running">Requests that it has.</param>
/// <param name="LastPick">When it was picked last, in picks of the deployment.</param>
/// <param name="BytesPerSecond">Of prompts, that it computes.</param>
internal readonly record struct ReplicaView(double Wait, long CachedBytes, int Running, long LastPick, double BytesPerSecond);

/// <summary>
/// Which replica takes the next request: pure. The lowest estimated time to the first token, which is the wait for the prompts before it
/// and the time for what of this one is not cached; among equals the fewest requests, then the one picked longest ago, so that idle ones share the work.
/// </summary>
/// <remarks>
/// A prefix or a session is never worth waiting for longer than it saves, so nothing piles up where it is hot:
/// <code>
/// a request's prefix                 saves the time of the bytes that are cached, no more
/// each request that runs there       costs as much as <see cref="BytesPerRunning"/>: its tokens share the steps
/// a session's last replica           is taken if a prompt waits there no longer than at the best one, that one has no more of the
///                                    prompt, and what may be cached outweighs the requests that run there
/// </code>
/// </remarks>
internal struct ReplicaChoice(long promptBytes, uint? hinted)
{
    /// <summary>
    /// A prompt of 4 KB that everybody begins with, some 1,000 tokens, is worth eight more requests beside it: then another replica gets it too.
    /// </summary>
    public const int BytesPerRunning = 512;

    private ReplicaView _bestView;
    private double _bestTime = double.PositiveInfinity;
    private ReplicaView _hintedView;

    /// <summary>Its index; -1: none was there.</summary>
    private int _best = -1;
    private int _hinted = -1;

    /// <param name="index">Where the caller finds it again.</param>
    /// <param name="number">To be known by the session's.</param>
    public void Consider(int index, uint number, in ReplicaView view)
    {
        var time = TimeOf(view);
        var isBetter = time < _bestTime
            || (time == _bestTime && (view.Running < _bestView.Running || (view.Running == _bestView.Running && view.LastPick < _bestView.LastPick)));
        if (isBetter || _best < 0) (_best, _bestView, _bestTime) = (index, view, time);
        if (number == hinted) (_hinted, _hintedView) = (index, view);
    }

    /// <summary>What is best of those that were considered.</summary>
    public readonly RankedReplica Result =>
        _hinted >= 0 && _hinted != _best && IsWorthIt() ? new(_hinted, _hintedView, TimeOf(_hintedView), ByHint: true) : new(_best, _bestView, _bestTime, ByHint: _hinted >= 0 && _hinted == _best);

    private readonly bool IsWorthIt() =>
        _hintedView.Wait <= _bestView.Wait
        && _hintedView.CachedBytes >= _bestView.CachedBytes
        && RunningTime(_hintedView) - RunningTime(_bestView) <= (promptBytes - _hintedView.CachedBytes) / _hintedView.BytesPerSecond;

    private readonly double TimeOf(in ReplicaView view) => view.Wait + ((promptBytes - view.CachedBytes) / view.BytesPerSecond) + RunningTime(view);

    private static double RunningTime(in ReplicaView view) => (double)view.Running * BytesPerRunning / view.BytesPerSecond;
}

/// <param name="Index">-1: none.</param>
/// <param name="Seconds">To the first token, as estimated.</param>
/// <param name="ByHint">It is the session's.</param>
internal readonly record struct RankedReplica(int Index, ReplicaView View, double Seconds, bool ByHint);
