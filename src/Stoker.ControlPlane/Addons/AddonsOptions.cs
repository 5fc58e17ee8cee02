using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Stoker.ControlPlane.Addons;

/// <summary>How many addons may be deployed. Section <c>Stoker:Addons</c>.</summary>
public sealed class AddonsOptions
{
    public const string Section = "Stoker:Addons";

    /// <summary>
    /// Addons that an account may have on its deployments together; the hosted platform allows 100. Absent: as many as its
    /// deployments take.
    /// </summary>
    [Range(0, 1_000_000)]
    public int? MaxPerAccount { get; set; }

    /// <summary>
    /// Addons on one deployment. A replica that starts loads them all: at some 10 ms each the default is less than a minute. A
    /// replica registers 10,000.
    /// </summary>
    [Range(1, 10_000)]
    public int MaxPerDeployment { get; set; } = 4000;

    /// <summary>Addons that an account may have on the serverless tier together, all models; as on the hosted platform.</summary>
    [Range(0, 1_000_000)]
    public int MaxServerlessPerAccount { get; set; } = 100;

    /// <summary>
    /// An addon on the serverless tier that has no request for so long leaves the replicas; its next request loads it again, in some 10 ms.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "365.00:00:00")]
    public TimeSpan ServerlessIdleTime { get; set; } = TimeSpan.FromHours(1);
}

[OptionsValidator]
internal sealed partial class AddonsOptionsValidator : IValidateOptions<AddonsOptions>;
