using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Stoker.ControlPlane.Storage;

/// <summary>Where the state lives and how much history it keeps. Section <c>Stoker:Storage</c>.</summary>
public sealed class StorageOptions
{
    public const string Section = "Stoker:Storage";

    /// <summary>
    /// The data directory; the program sets it from <c>--data</c>, else <c>STOKER_DATA</c>, else <c>~/.stoker</c>.
    /// </summary>
    [Required]
    public string DataDirectory { get; set; } = "";

    /// <summary>
    /// Deletions that a watch can still see. One costs some 150 bytes; a watcher that lags further lists again.
    /// </summary>
    [Range(1, 10_000_000)]
    public int ChangeLogLength { get; set; } = 10_000;

    /// <summary>How soon changes of another process are seen. One look costs some 11 us.</summary>
    [Range(typeof(TimeSpan), "00:00:00.010", "00:01:00")]
    public TimeSpan OtherProcessPollInterval { get; set; } = TimeSpan.FromMilliseconds(100);
}

[OptionsValidator]
internal sealed partial class StorageOptionsValidator : IValidateOptions<StorageOptions>;
