using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Options;

namespace Stoker.Server.Serving;

/// <summary>
/// The certificate that new connections get, with its chain. Files that changed are read again; while they cannot be, the
/// certificate before them stays.
/// </summary>
internal sealed partial class TlsCertificate
{
    private readonly Lock _lock = new();
    private readonly TlsOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<TlsCertificate> _log;
    private volatile SslStreamCertificateContext _current;
    private (DateTime Certificate, DateTime Key) _written;
    private long _checked;

    /// <exception cref="StartException">There is no such certificate, or its key does not fit.</exception>
    public TlsCertificate(IOptions<TlsOptions> options, TimeProvider time, ILogger<TlsCertificate> log)
    {
        (_options, _time, _log) = (options.Value, time, log);
        _written = Written();
        _checked = time.GetTimestamp();
        try
        {
            _current = Load();
        }
        catch (Exception error) when (IsUnusable(error))
        {
            throw new StartException($"{TlsOptions.Section}: the certificate {_options.Certificate} cannot be used: {error.Message.TrimEnd('.')}; docs/accounts.md says how to make one", error);
        }
    }

    public SslStreamCertificateContext Current
    {
        get
        {
            lock (_lock)
            {
                if (_time.GetElapsedTime(_checked) >= _options.CheckInterval) Check_NeedsLock();
            }

            return _current;
        }
    }

    private void Check_NeedsLock()
    {
        _checked = _time.GetTimestamp();
        var written = Written();
        if (written == _written) return;
        try
        {
            _current = Load();
            _written = written;
            LogRenewed(_options.Certificate!);
        }
        catch (Exception error) when (IsUnusable(error))
        {
            LogUnusable(_options.Certificate!, error.Message);
        }
    }

    private SslStreamCertificateContext Load()
    {
        var all = new X509Certificate2Collection();
        X509Certificate2 own;
        if (Path.GetExtension(_options.Certificate!).ToLowerInvariant() is ".pfx" or ".p12")
        {
            all = X509CertificateLoader.LoadPkcs12CollectionFromFile(_options.Certificate!, Password());
            own = all.FirstOrDefault(certificate => certificate.HasPrivateKey) ?? throw new CryptographicException("it holds no private key");
        }
        else
        {
            all.ImportFromPemFile(_options.Certificate!);
            own = Password() is { } password
                ? X509Certificate2.CreateFromEncryptedPemFile(_options.Certificate!, password, _options.Key)
                : X509Certificate2.CreateFromPemFile(_options.Certificate!, _options.Key);
        }

        if (own.NotAfter.ToUniversalTime() <= _time.GetUtcNow().UtcDateTime) LogExpired(_options.Certificate!, own.NotAfter.ToUniversalTime());
        foreach (var certificate in all.Where(certificate => certificate.Thumbprint == own.Thumbprint && !ReferenceEquals(certificate, own)).ToList()) all.Remove(certificate);
        // Offline: what the chain lacks is not fetched from addresses that a file names.
        return SslStreamCertificateContext.Create(own, all, offline: true);
    }

    private string? Password() => _options.PasswordFile is { } file ? File.ReadLines(file).FirstOrDefault() ?? "" : null;

    private (DateTime, DateTime) Written() =>
        (File.GetLastWriteTimeUtc(_options.Certificate!), _options.Key is { } key ? File.GetLastWriteTimeUtc(key) : default);

    private static bool IsUnusable(Exception error) => error is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException;

    [LoggerMessage(Level = LogLevel.Information, Message = "New connections get the renewed certificate {Path}")]
    private partial void LogRenewed(string path);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The changed certificate {Path} cannot be used, so new connections get the one before it: {Reason}")]
    private partial void LogUnusable(string path, string reason);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The certificate {Path} has expired on {NotAfter}: clients refuse it until its files are renewed")]
    private partial void LogExpired(string path, DateTime notAfter);
}
