using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Stoker.Server.Serving;

/// <summary>TLS at the listener, for an <c>https://</c> address. Configuration section <see cref="Section"/>.</summary>
internal sealed class TlsOptions
{
    public const string Section = "Stoker:Tls";

    /// <summary>The file of the certificate and its chain: PEM, or PKCS #12 with the ending <c>.pfx</c> or <c>.p12</c>.</summary>
    public string? Certificate { get; set; }

    /// <summary>The PEM file of the private key; leave it out where the certificate's file holds the key as well.</summary>
    public string? Key { get; set; }

    /// <summary>
    /// A file whose first line is the password of the key; for a key that has one. The password itself is no setting: settings
    /// are read aloud in process lists and bug reports.
    /// </summary>
    public string? PasswordFile { get; set; }

    /// <summary>How often, at most, new connections look whether the files have changed: a renewed certificate needs no restart.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "1.00:00:00")]
    public TimeSpan CheckInterval { get; set; } = TimeSpan.FromSeconds(10);
}

[OptionsValidator]
internal sealed partial class TlsOptionsValidator : IValidateOptions<TlsOptions>;
