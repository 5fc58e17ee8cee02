using Stoker.Api.Problems;

namespace Stoker.ControlPlane.Deployments;

/// <summary>An account's protection against deleting what is in use.</summary>
internal static class DeletionGuard
{
    public static readonly TimeSpan InUse = TimeSpan.FromHours(1);

    /// <summary>The hosted platform's own words: scripts look for them.</summary>
    public const string Message = "deployment has received inference requests in the last hour, pass --ignore-checks to skip this check";

    public static Problem? Refuse(DateTimeOffset? lastRequest, DateTimeOffset now) =>
        lastRequest is { } last && now - last < InUse ? Problem.FailedPrecondition(Message) : null;
}
