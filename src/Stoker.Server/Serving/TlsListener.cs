using System.Net.Security;
using System.Security.Authentication;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Options;

namespace Stoker.Server.Serving;

/// <summary>Puts TLS on the listener of an <c>https://</c> address.</summary>
internal static class TlsListener
{
    /// <exception cref="StartException">The address and the settings say different things.</exception>
    public static void Configure(WebApplicationBuilder builder, Uri url)
    {
        var settings = builder.Configuration.GetSection(TlsOptions.Section);
        var (isHttps, certificate) = (url.Scheme == Uri.UriSchemeHttps, settings[nameof(TlsOptions.Certificate)]);
        if (isHttps && string.IsNullOrEmpty(certificate))
        {
            throw new StartException($"{url} takes a certificate: set {TlsOptions.Section}:{nameof(TlsOptions.Certificate)} (and {nameof(TlsOptions.Key)}), or listen on http://");
        }

        if (!isHttps && settings.GetChildren().FirstOrDefault() is { } setting)
        {
            throw new StartException($"{setting.Path} is set, and {url} is not https://: write --url https://{url.Authority}, or take the setting out");
        }

        if (!isHttps) return;
        builder.Services.AddOptions<TlsOptions>().BindConfiguration(TlsOptions.Section).ValidateOnStart();
        builder.Services.AddSingleton<IValidateOptions<TlsOptions>, TlsOptionsValidator>();
        builder.Services.AddSingleton<TlsCertificate>();
        builder.Services.AddOptions<KestrelServerOptions>().Configure<TlsCertificate>((kestrel, tls) => kestrel.ConfigureEndpointDefaults(listen =>
        {
            // The gateway's limits on slow clients are of HTTP/1.1; HTTP/2 has none of its own for one stream.
            listen.Protocols = HttpProtocols.Http1;
            listen.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = _ => ValueTask.FromResult(Answer(tls)) });
        }));
    }

    private static SslServerAuthenticationOptions Answer(TlsCertificate tls) => new()
    {
        ServerCertificateContext = tls.Current,
        EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
        ApplicationProtocols = [SslApplicationProtocol.Http11],
        AllowRenegotiation = false,
    };
}
