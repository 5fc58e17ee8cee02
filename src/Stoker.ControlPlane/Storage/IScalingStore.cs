namespace Stoker.ControlPlane.Storage;

/// <summary>A deployment's load window as bytes, with the second on which it ends.</summary>
/// <param name="BootId">The boot whose seconds <paramref name="LastSecond"/> counts.</param>
/// <param name="Time">The wall time of its end, for another boot.</param>
public sealed record StoredWindow(string Deployment, byte[] Window, string BootId, long LastSecond, DateTimeOffset Time);

/// <summary>A scaling decision as its slice writes it.</summary>
public sealed record StoredDecision(DateTimeOffset Time, byte[] Decision);

/// <summary>
/// What autoscaling keeps beside the resources: it changes too often for their rows, and is worth less than they are.
/// </summary>
public interface IScalingStore
{
    /// <summary>The windows of all deployments, as they were saved last.</summary>
    IReadOnlyList<StoredWindow> ReadWindows();

    /// <summary>All of them in one commit.</summary>
    Task SaveWindowsAsync(IReadOnlyList<StoredWindow> windows, CancellationToken cancellation);

    /// <summary>The last decisions of a deployment, newest first.</summary>
    IReadOnlyList<StoredDecision> ReadDecisions(string deployment, int most);

    /// <summary>Adds a decision and drops the oldest above <paramref name="keep"/>.</summary>
    Task AppendDecisionAsync(string deployment, StoredDecision decision, int keep, CancellationToken cancellation);

    /// <summary>Drops all that there is of a deployment.</summary>
    Task ForgetAsync(string deployment, CancellationToken cancellation);
}
