namespace Stoker.ControlPlane.Replicas;

/// <summary>
/// How much the gateway holds for one deployment while no replica is ready; null means the server's own bound.
/// </summary>
/// <param name="MaxBytes">Of the bodies of all held requests together.</param>
/// <param name="Timeout">The longest that one request is held.</param>
public sealed record HoldLimits(int? MaxRequests = null, long? MaxBytes = null, TimeSpan? Timeout = null)
{
    /// <summary>More waiting requests than this are no burst any more but a deployment that is too small.</summary>
    public const int MostRequests = 100_000;

    public const long LeastBytes = 1_024;

    public const long MostBytes = 1L << 40;

    public static readonly TimeSpan ShortestTimeout = TimeSpan.FromSeconds(1);

    /// <summary>No client waits longer than a day for a head.</summary>
    public static readonly TimeSpan LongestTimeout = TimeSpan.FromDays(1);

    public static HoldLimits Default { get; } = new();
}
