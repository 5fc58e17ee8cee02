using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Stoker.ControlPlane.Models;

/// <summary>The built-in library and the limits of uploads. Section <c>Stoker:Models</c>.</summary>
public sealed class ModelOptions
{
    public const string Section = "Stoker:Models";

    /// <summary>
    /// The folder of the built-in models, one folder each; empty means <c>models</c> beside the program.
    /// </summary>
    public string LibraryFolder { get; set; } = "";

    /// <summary>All files of one model together. 2 TiB hold any open model in 16 bit.</summary>
    [Range(1, 1L << 50)]
    public long MaxModelBytes { get; set; } = 1L << 41;

    /// <summary>Files of one model. The largest open checkpoints have some 200 shards.</summary>
    [Range(1, 10_000)]
    public int MaxFiles { get; set; } = 1_000;

    /// <summary>
    /// How long an upload or download address works; a longer transfer asks for a new one and goes on.
    /// </summary>
    [Range(typeof(TimeSpan), "00:01:00", "7.00:00:00")]
    public TimeSpan AddressLifetime { get; set; } = TimeSpan.FromHours(12);

    /// <summary>
    /// Writes each READY model once more in the layout of the kernels, beside its files, so that replicas start faster. It
    /// takes about as much disk again.
    /// </summary>
    public bool Pack { get; set; } = true;

    /// <summary>
    /// Models whose weights take less are not packed. 64 MiB are packed in some hundredths of a second at every load.
    /// </summary>
    [Range(0, 1L << 50)]
    public long PackFromBytes { get; set; } = 64L << 20;

    internal string LibraryPath =>
        LibraryFolder.Length > 0 ? LibraryFolder : Path.Combine(AppContext.BaseDirectory, "models");
}

[OptionsValidator]
internal sealed partial class ModelOptionsValidator : IValidateOptions<ModelOptions>;
