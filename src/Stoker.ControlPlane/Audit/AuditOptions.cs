using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Stoker.ControlPlane.Audit;

/// <summary>The log of who changed what. Configuration section <see cref="Section"/>.</summary>
public sealed class AuditOptions
{
    public const string Section = "Stoker:Audit";

    /// <summary>How long an entry is kept; then it is really gone.</summary>
    [Range(typeof(TimeSpan), "1.00:00:00", "3650.00:00:00")]
    public TimeSpan Retention { get; set; } = TimeSpan.FromDays(400);

    /// <summary>Entries that are kept at most, of all accounts together; the oldest go first. One costs some 400 bytes.</summary>
    [Range(1_000, 100_000_000)]
    public long MaxEntries { get; set; } = 1_000_000;
}

[OptionsValidator]
internal sealed partial class AuditOptionsValidator : IValidateOptions<AuditOptions>;
