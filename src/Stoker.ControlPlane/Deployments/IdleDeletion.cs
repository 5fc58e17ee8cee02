using System.Globalization;

namespace Stoker.ControlPlane.Deployments;

/// <summary>An announced deletion.</summary>
/// <param name="IdleSince">The idle time that it is about: a request begins another.</param>
/// <param name="Time">When it was announced.</param>
public sealed record IdleWarning(DateTimeOffset IdleSince, DateTimeOffset Time, DateTimeOffset DeleteTime);

/// <param name="Warning">To be recorded; null when none stands.</param>
/// <param name="LookAgainAt">When time alone changes the answer.</param>
internal sealed record IdleVerdict(IdleWarning? Warning, bool Delete, DateTimeOffset? LookAgainAt)
{
    public static IdleVerdict Kept { get; } = new(null, Delete: false, null);
}

/// <summary>
/// A deployment that may go to zero and that nobody uses for a week is deleted, and says so a day before. Never without
/// that day: whoever was away when the warning was due, or whose clock jumped, gets it all the same.
/// </summary>
internal static class IdleDeletion
{
    /// <summary>A warning from further in the future than clocks are usually wrong is from a clock that was wrong.</summary>
    private static readonly TimeSpan ClockSlack = TimeSpan.FromHours(1);

    /// <param name="lastRequest">Null when there was none, or none is known.</param>
    public static IdleVerdict Decide(Deployment deployment, DateTimeOffset? lastRequest, DeploymentsOptions options, DateTimeOffset now)
    {
        // The idle clocks start with the first READY; one that is being deleted has its own clock.
        if (deployment is not { Deletion: null, Spec.MinReplicas: 0, Status.FirstReadyTime: { } begun }) return IdleVerdict.Kept;
        var idleSince = Latest(begun, lastRequest, deployment.UndeleteTime);
        var deleteTime = idleSince + options.DeleteIdleAfter;
        var warnTime = deleteTime - options.WarnIdleBefore;
        if (now < warnTime) return IdleVerdict.Kept with { LookAgainAt = warnTime };

        var standing = deployment.Status.IdleWarning is { } earlier && earlier.IdleSince == idleSince && earlier.Time <= now + ClockSlack
            ? earlier
            : new(idleSince, now, Latest(deleteTime, now + options.WarnIdleBefore));
        return new(standing, now >= standing.DeleteTime, standing.DeleteTime);
    }

    public static string Cause(IdleWarning warning) =>
        string.Create(CultureInfo.InvariantCulture, $"it had no request since {warning.IdleSince:u} and may go to zero replicas");

    private static DateTimeOffset Latest(DateTimeOffset first, params ReadOnlySpan<DateTimeOffset?> others)
    {
        foreach (var other in others)
        {
            if (other > first) first = other.Value;
        }

        return first;
    }
}
