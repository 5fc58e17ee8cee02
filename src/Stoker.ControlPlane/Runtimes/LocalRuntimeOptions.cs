using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;
using Stoker.Api.Replicas;

namespace Stoker.ControlPlane.Runtimes;

/// <summary>How replicas run as processes of this machine. Section <c>Stoker:Runtime</c>.</summary>
public sealed class LocalRuntimeOptions
{
    public const string Section = "Stoker:Runtime";

    /// <summary>
    /// The replicas' engine: <c>stoker</c>, or <c>simulated</c> for trying things out without models' cost.
    /// </summary>
    [Required, AllowedValues("stoker", "simulated", ErrorMessage = "Stoker:Runtime:Engine must be stoker or simulated")]
    public string Engine { get; set; } = "stoker";

    /// <summary>
    /// The least severe line that replicas write to their logs: <c>debug</c>, <c>information</c> or <c>warning</c>.
    /// </summary>
    [Required, AllowedValues("debug", "information", "warning", ErrorMessage = "Stoker:Runtime:LogLevel must be debug, information or warning")]
    public string LogLevel { get; set; } = "information";

    /// <summary>
    /// The command of a replica before its <c>replica ...</c> arguments; empty means this program itself.
    /// </summary>
    public IList<string> Command { get; } = [];

    /// <summary>
    /// How often a replica that loads is asked whether it is ready, where it does not say so by itself: those of an older
    /// program. It bounds what is lost of the time to the first token.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.005", "00:00:10")]
    public TimeSpan StartingPoll { get; set; } = TimeSpan.FromMilliseconds(25);

    /// <summary>How often a ready replica is asked whether it still answers.</summary>
    [Range(typeof(TimeSpan), "00:00:00.050", "00:00:30")]
    public TimeSpan ReadyPoll { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How often an adopted replica, whose end the system does not report, is looked for in the process table.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:00:10")]
    public TimeSpan ProcessPoll { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <summary>
    /// How long a replica lives without its owner: a server that crashed has this long to come back to it.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan LeaseLength { get; set; } = ReplicaProtocol.LeaseLength;

    /// <summary>How often leases are renewed: several times within their length.</summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "00:00:30")]
    public TimeSpan LeaseRenewal { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Absent: a drain ends with the last stream, however long that takes. Set: a stream that outlives this bound is
    /// cut.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "365.00:00:00")]
    public TimeSpan? DrainBound { get; set; }

    /// <summary>
    /// The longest wait after SIGTERM, which a replica follows without waiting for streams; SIGKILL comes next.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "00:10:00")]
    public TimeSpan StopBound { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The longest drain when the server itself ends; with the bound above it stays below the 30 s that hosts commonly
    /// give.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "1.00:00:00")]
    public TimeSpan ShutdownBound { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>Replicas outlive the server, for an upgrade: the next one adopts them within their lease.</summary>
    public bool LeaveReplicas { get; set; }

    /// <summary>Directories of ended replicas that are kept for their logs and last words.</summary>
    [Range(0, 10_000)]
    public int KeptEnded { get; set; } = 8;
}

[OptionsValidator]
internal sealed partial class LocalRuntimeOptionsValidator : IValidateOptions<LocalRuntimeOptions>;
