using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Stoker.EndToEnd.Tests.Harness;

namespace Stoker.EndToEnd.Tests;

/// <summary>The real server with certificates that the test makes.</summary>
public sealed class TlsTests : IDisposable
{
    private readonly Sandbox _sandbox = new();

    private string CertificateFile => Path.Combine(_sandbox.Root, "server.pem");

    private string KeyFile => Path.Combine(_sandbox.Root, "server.key");

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public void Dispose() => _sandbox.Dispose();

    [Fact]
    public async Task Both_surfaces_and_the_command_line_work_over_https_for_who_trusts_the_certificate()
    {
        using var certificate = Write(days: 30);
        await using var server = Start("https://127.0.0.1:0", Settings());
        var url = await UrlAsync(server);
        url.Scheme.ShouldBe("https");
        using (var client = Client(url, certificate))
        {
            (await client.GetStringAsync("health", Cancellation)).ShouldBe("ok\n");
            (await client.GetStringAsync("v1/whoami", Cancellation)).ShouldContain("accounts/default/users/admin");
            (await client.GetStringAsync("inference/v1/models", Cancellation)).ShouldContain("\"object\":\"list\"");
            using var answer = await client.GetAsync("v1/accounts/default", Cancellation);
            answer.Version.ShouldBe(HttpVersion.Version11);
        }

        using (var mistrusting = new HttpClient { BaseAddress = url })
        {
            await Should.ThrowAsync<HttpRequestException>(() => mistrusting.GetAsync("health", Cancellation));
        }

        // No plain HTTP on that port: nobody sends a key in clear by a slip.
        using (var plain = new HttpClient())
        {
            await Should.ThrowAsync<HttpRequestException>(() => plain.GetAsync($"http://{url.Authority}/health", Cancellation));
        }

        await using var trusting = ProgramProcess.Start(_sandbox, "firectl", ["whoami"], new Dictionary<string, string> { ["SSL_CERT_FILE"] = CertificateFile });
        (await trusting.ExitAsync()).ShouldBe(0, trusting.Output);
        trusting.Output.ShouldContain("accounts/default/users/admin");
        await using var doubting = ProgramProcess.Start(_sandbox, "firectl", ["whoami"]);
        (await doubting.ExitAsync()).ShouldBe(8, doubting.Output);
    }

    [Fact]
    public async Task A_renewed_certificate_is_taken_without_a_restart_and_a_broken_one_is_not()
    {
        using var first = Write(days: 30);
        await using var server = Start("https://127.0.0.1:0", Settings());
        var url = await UrlAsync(server);
        (await ServedAsync(url)).ShouldBe(first.Thumbprint);

        await File.WriteAllTextAsync(CertificateFile, "not a certificate", Cancellation);
        const string Warning = "cannot be used, so new connections get the one before it";
        await Patience.UntilAsync(() => ServedAsync(url), _ => server.Output.Contains(Warning, StringComparison.Ordinal), "the warning");
        (await ServedAsync(url)).ShouldBe(first.Thumbprint);

        using var second = Write(days: 60);
        await Patience.UntilAsync(() => ServedAsync(url), served => served == second.Thumbprint, "the renewed certificate");
    }

    [Theory]
    [InlineData("pfx")]
    [InlineData("password")]
    [InlineData("one file")]
    public async Task Other_forms_of_a_certificate_work_too(string form)
    {
        using var certificate = Write(days: 30);
        var (settings, password) = (new Dictionary<string, string>(), Path.Combine(_sandbox.Root, "password"));
        await File.WriteAllTextAsync(password, "correct horse\n", Cancellation);
        if (form != "one file") settings["Stoker__Tls__PasswordFile"] = password;
        if (form == "one file")
        {
            settings["Stoker__Tls__Certificate"] = CertificateFile;
            await File.AppendAllTextAsync(CertificateFile, "\n" + await File.ReadAllTextAsync(KeyFile, Cancellation), Cancellation);
        }
        else if (form == "pfx")
        {
            settings["Stoker__Tls__Certificate"] = Path.Combine(_sandbox.Root, "server.pfx");
            await File.WriteAllBytesAsync(settings["Stoker__Tls__Certificate"], certificate.Export(X509ContentType.Pkcs12, "correct horse"), Cancellation);
        }
        else
        {
            using var key = certificate.GetECDsaPrivateKey()!;
            var parameters = new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1_000);
            await File.WriteAllTextAsync(KeyFile, key.ExportEncryptedPkcs8PrivateKeyPem("correct horse", parameters), Cancellation);
            (settings["Stoker__Tls__Certificate"], settings["Stoker__Tls__Key"]) = (CertificateFile, KeyFile);
        }

        await using var server = Start("https://127.0.0.1:0", settings);
        (await ServedAsync(await UrlAsync(server))).ShouldBe(certificate.Thumbprint);
    }

    [Theory]
    [InlineData("https://127.0.0.1:0", "", "takes a certificate: set Stoker:Tls:Certificate")]
    [InlineData("https://127.0.0.1:0", "Certificate=none.pem", "none.pem cannot be used")]
    [InlineData("https://127.0.0.1:0", "Certificate=server.pem", "cannot be used")] // without its key
    [InlineData("https://127.0.0.1:0", "Certificate=server.pem;Key=other.key", "cannot be used")]
    [InlineData("https://127.0.0.1:0", "Certificate=server.pem;Key=server.key;CheckInterval=00:00:00", "CheckInterval")]
    [InlineData("http://127.0.0.1:0", "Certificate=server.pem;Key=server.key", "is not https://")]
    [InlineData("http://127.0.0.1:0", "Key=server.key", "is not https://")]
    [InlineData("ftp://127.0.0.1:0", "", "http:// or https://")]
    public async Task A_start_that_cannot_work_says_why(string url, string settings, string cause)
    {
        using var certificate = Write(days: 30);
        using (var other = ECDsa.Create(ECCurve.NamedCurves.nistP256)) await File.WriteAllTextAsync(Path.Combine(_sandbox.Root, "other.key"), other.ExportPkcs8PrivateKeyPem(), Cancellation);
        var pairs = settings.Split(';', StringSplitOptions.RemoveEmptyEntries).Select(setting => setting.Split('='));
        await using var server = Start(url, pairs.ToDictionary(
            pair => $"Stoker__Tls__{pair[0]}", pair => pair[1].Contains('.') ? Path.Combine(_sandbox.Root, pair[1]) : pair[1]));
        (await server.ExitAsync()).ShouldBe(1, server.Output);
        server.Output.ShouldContain(cause);
        server.Output.ShouldNotContain("Unhandled exception");
        server.Output.ShouldNotContain("   at Stoker");
    }

    [Theory]
    [InlineData("http://0.0.0.0:0", true)]
    [InlineData("http://127.0.0.1:0", false)]
    [InlineData("https://0.0.0.0:0", false)]
    public async Task Keys_in_clear_beyond_this_machine_are_warned_of(string url, bool warned)
    {
        using var certificate = Write(days: 30);
        await using var server = Start(url, url.StartsWith("https", StringComparison.Ordinal) ? Settings() : []);
        await UrlAsync(server);
        (await server.TerminateAsync()).ShouldBe(0, server.Output);
        server.Output.Contains("without TLS", StringComparison.Ordinal).ShouldBe(warned, server.Output);
    }

    private Dictionary<string, string> Settings() => new()
    {
        ["Stoker__Tls__Certificate"] = CertificateFile,
        ["Stoker__Tls__Key"] = KeyFile,
        ["Stoker__Tls__CheckInterval"] = "00:00:00.1",
    };

    private ProgramProcess Start(string url, Dictionary<string, string> settings) =>
        ProgramProcess.Start(_sandbox, "stoker", ["serve", "--url", url, "--data", _sandbox.Data], settings);

    private static async Task<Uri> UrlAsync(ProgramProcess server) => new((await server.LineAsync("Stoker listens on ")).Split(' ')[^1]);

    /// <summary>A certificate of its own making for this machine, in two PEM files.</summary>
    private X509Certificate2 Write(int days)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=stoker.test", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        var now = TimeProvider.System.GetUtcNow();
        var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(days));
        File.WriteAllText(KeyFile, key.ExportPkcs8PrivateKeyPem());
        File.WriteAllText(CertificateFile, certificate.ExportCertificatePem());
        return certificate;
    }

    private HttpClient Client(Uri url, X509Certificate2 trusted)
    {
        var handler = new SocketsHttpHandler();
        handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
        };
        handler.SslOptions.CertificateChainPolicy.CustomTrustStore.Add(trusted);
        var client = new HttpClient(handler) { BaseAddress = url, DefaultRequestVersion = HttpVersion.Version20, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionOrLower };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", File.ReadAllText(_sandbox.AdminKeyFile, Encoding.ASCII).Trim());
        return client;
    }

    /// <summary>The certificate that a new connection gets.</summary>
    private static async Task<string> ServedAsync(Uri url)
    {
        var served = "";
        using var handler = new SocketsHttpHandler();
#pragma warning disable CA5359 // What is served is the question here, not whether to trust it.
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _) =>
        {
            served = certificate!.GetCertHashString();
            return true;
        };
#pragma warning restore CA5359
        using var client = new HttpClient(handler) { BaseAddress = url };
        await client.GetStringAsync("health", Cancellation);
        return served;
    }
}
