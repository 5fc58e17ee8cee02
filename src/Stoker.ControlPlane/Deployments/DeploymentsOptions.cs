using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Stoker.ControlPlane.Deployments;

/// <summary>The clocks and bounds of deployments. Section <c>Stoker:Deployments</c>.</summary>
public sealed class DeploymentsOptions
{
    public const string Section = "Stoker:Deployments";

    /// <summary>
    /// Tries before a create or an update is FAILED: with the waits between them some seven seconds and five loads.
    /// </summary>
    [Range(1, 1000)]
    public int MaxTries { get; set; } = 5;

    /// <summary>The wait before the third try; the second follows the first at once, later waits double.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "00:10:00")]
    public TimeSpan FirstRetryDelay { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The longest wait between two tries.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan MaxRetryDelay { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// After this long READY a replica's start counts as a success, and earlier failures are forgotten.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan StableAfter { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// A replica that starts or loads and comes no further for this long is given up. Slow is no fault, standing still
    /// is.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:05", "1.00:00:00")]
    public TimeSpan StartStall { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// A ready replica that does not answer for this long is replaced. A machine under load may be silent for seconds.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:05", "1.00:00:00")]
    public TimeSpan Unresponsive { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// How long an update waits for room for its first new replica, which others took after it was accepted; then it is
    /// rolled back.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan SurgePatience { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>
    /// How long after an update its errors and times to first token are compared with those of the revision before, to
    /// which it is rolled back when they are clearly worse.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "1.00:00:00")]
    public TimeSpan UpdateProbation { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// How long a deleted deployment is kept. The hosted platform does not say; a week covers a holiday.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "365.00:00:00")]
    public TimeSpan PurgeAfter { get; set; } = TimeSpan.FromDays(7);

    /// <summary>
    /// A deployment whose minimum is 0 and that had no request for this long is deleted, as on the hosted platform. It
    /// can be undeleted for as long as any other.
    /// </summary>
    [Range(typeof(TimeSpan), "1.00:00:00", "3650.00:00:00")]
    public TimeSpan DeleteIdleAfter { get; set; } = TimeSpan.FromDays(7);

    /// <summary>How long before such a deletion an event warns of it.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan WarnIdleBefore { get; set; } = TimeSpan.FromDays(1);

    /// <summary>Events that are kept of one deployment; the oldest go first.</summary>
    [Range(1, 10_000)]
    public int KeptEvents { get; set; } = 200;

    /// <summary>Every deployment is looked at this often even when nothing seems to have changed.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "01:00:00")]
    public TimeSpan SweepInterval { get; set; } = TimeSpan.FromSeconds(30);
}

[OptionsValidator]
internal sealed partial class DeploymentsOptionsValidator : IValidateOptions<DeploymentsOptions>;
