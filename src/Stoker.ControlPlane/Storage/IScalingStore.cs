namespace Stoker.ControlPlane.Storage;

/// <summary>A deployment's load window as bytes, with the second on which it ends.</summary>
/// <param name="BootId">The boot whose seconds <paramref name="LastSecond"/> counts.</param>
/// <param name="Time">The wall time of its end, for another boot.</param>
/// <param name="Run">Whose word about the time after counts for it, see <see cref="EmptyUntil"/>; empty for nobody's.</param>
public sealed record StoredWindow(string Deployment, byte[] Window, string BootId, long LastSecond, DateTimeOffset Time, string Run = "");

/// <summary>
/// What one run of a server says of all windows that are stored as its own: after their last second nothing at all was
/// seen, up to and with this one. So what is idle need not be written again.
/// </summary>
public sealed record EmptyUntil(string Run, long LastSecond, DateTimeOffset Time);

/// <summary>All windows as they were written, and the word of the run that saved last; null when none did.</summary>
public sealed record StoredWindows(IReadOnlyList<StoredWindow> Windows, EmptyUntil? EmptyUntil);

/// <summary>What is written together or not at all, in this order.</summary>
/// <param name="Dropped">Deployments whose windows nobody looks at any more.</param>
/// <param name="EmptyUntil">Null leaves the one that there is.</param>
public sealed record WindowsWrite(IReadOnlyList<string> Dropped, IReadOnlyList<StoredWindow> Windows, EmptyUntil? EmptyUntil)
{
    public static WindowsWrite Of(params IReadOnlyList<StoredWindow> windows) => new([], windows, null);
}

/// <summary>A scaling decision as its slice writes it.</summary>
public sealed record StoredDecision(DateTimeOffset Time, byte[] Decision);

/// <summary>
/// What autoscaling keeps beside the resources: it changes too often for their rows, and is worth less than they are.
/// </summary>
public interface IScalingStore
{
    /// <summary>The windows of all deployments, as they were saved last; one consistent look.</summary>
    StoredWindows ReadWindows();

    Task SaveWindowsAsync(WindowsWrite write, CancellationToken cancellation);

    /// <summary>The last decisions of a deployment, newest first.</summary>
    IReadOnlyList<StoredDecision> ReadDecisions(string deployment, int most);

    /// <summary>Adds a decision and drops the oldest above <paramref name="keep"/>.</summary>
    Task AppendDecisionAsync(string deployment, StoredDecision decision, int keep, CancellationToken cancellation);

    /// <summary>Drops all that there is of a deployment.</summary>
    Task ForgetAsync(string deployment, CancellationToken cancellation);
}
