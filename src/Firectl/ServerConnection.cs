using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Firectl.Settings;
using Stoker.Api;
using Stoker.Api.Problems;
using Stoker.Api.Resources;

namespace Firectl;

/// <summary>
/// The management API of one server. Every failure is a <see cref="ProblemException"/> with what to do next.
/// </summary>
internal sealed class ServerConnection : IDisposable
{
    /// <summary>
    /// Lenient where the server is strict: a newer server may know fields that this program does not.
    /// </summary>
    private static readonly ApiJson Lenient = new(new JsonSerializerOptions(ApiJson.Default.Options)
    {
        UnmappedMemberHandling = System.Text.Json.Serialization.JsonUnmappedMemberHandling.Skip,
    });

    // A management call answers at once; uploads pass their own limit.
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(60);

    private readonly HttpClient _http;

    public ServerConnection(ClientSettings settings, FirectlContext context)
    {
        Settings = settings;
        // No redirects: a key must not follow one to another address.
        var network = context.Network ?? new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false };
        _http = new HttpClient(network, disposeHandler: false) { BaseAddress = settings.BaseUrl, Timeout = Timeout.InfiniteTimeSpan };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", settings.ApiKey);
    }

    public ClientSettings Settings { get; }

    public Task<WhoAmIResponse> WhoAmIAsync(CancellationToken cancellation) =>
        GetAsync("v1/whoami", Lenient.WhoAmIResponse, cancellation);

    public Task<T> GetAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken cancellation) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Get, path), type, cancellation);

    public Task<T> DeleteAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken cancellation) =>
        SendAsync(new HttpRequestMessage(HttpMethod.Delete, path), type, cancellation);

    public Task<TAnswer> SendAsync<TBody, TAnswer>(
        HttpMethod method, string path, TBody body, JsonTypeInfo<TBody> bodyType, JsonTypeInfo<TAnswer> type, CancellationToken cancellation)
    {
        var content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(body, bodyType));
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return SendAsync(new HttpRequestMessage(method, path) { Content = content }, type, cancellation);
    }

    /// <summary>PUT of a file's content to an upload address of this server.</summary>
    public async Task PutAsync(Uri address, HttpContent content, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Put, SameServer(address)) { Content = content };
        using var response = await ExchangeAsync(request, Timeout.InfiniteTimeSpan, cancellation);
        if (!response.IsSuccessStatusCode) throw await ProblemOfAsync(response, cancellation);
    }

    /// <summary>The body of a GET at a download address of this server.</summary>
    public async Task DownloadAsync(Uri address, Stream to, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, SameServer(address));
        using var response = await ExchangeAsync(request, Timeout.InfiniteTimeSpan, cancellation);
        if (!response.IsSuccessStatusCode) throw await ProblemOfAsync(response, cancellation);
        await response.Content.CopyToAsync(to, cancellation);
    }

    /// <summary>The type with this program's leniency towards unknown fields.</summary>
    public static JsonTypeInfo<T> Type<T>() => (JsonTypeInfo<T>)Lenient.GetTypeInfo(typeof(T))!;

    public void Dispose() => _http.Dispose();

    private async Task<T> SendAsync<T>(HttpRequestMessage request, JsonTypeInfo<T> type, CancellationToken cancellation)
    {
        using (request)
        {
            using var response = await ExchangeAsync(request, CallTimeout, cancellation);
            if (!response.IsSuccessStatusCode) throw await ProblemOfAsync(response, cancellation);
            try
            {
                await using var body = await response.Content.ReadAsStreamAsync(cancellation);
                return await JsonSerializer.DeserializeAsync(body, type, cancellation) ?? throw new JsonException("null");
            }
            catch (JsonException)
            {
                throw new ProblemException(new Problem(Code.Unknown, $"{Settings.BaseUrl} answered something that is not Stoker's API: is --base-url right?"));
            }
        }
    }

    private async Task<HttpResponseMessage> ExchangeAsync(HttpRequestMessage request, TimeSpan timeout, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(timeout);
        try
        {
            return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new ProblemException(new Problem(Code.DeadlineExceeded, $"{Settings.BaseUrl} did not answer in {timeout.TotalSeconds:0} s"));
        }
        catch (HttpRequestException error)
        {
            var next = error.InnerException is SocketException ? "is the server running there (`stoker serve`)?" : "is this a Stoker server?";
            throw new ProblemException(Problem.Unavailable($"{Settings.BaseUrl} (from {Settings.Source}) cannot be reached: {error.Message}; {next}"));
        }
    }

    private static async Task<ProblemException> ProblemOfAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        var bytes = await response.Content.ReadAsByteArrayAsync(cancellation);
        var status = (int)response.StatusCode;
        try
        {
            if (JsonSerializer.Deserialize(bytes, Lenient.ProblemBody) is { Message: not null, Details: not null } body)
            {
                return new ProblemException(body.ToProblem());
            }
        }
        catch (JsonException)
        {
            // Not ours: a proxy's page, or another server. The status is all there is to say.
        }

        return new ProblemException(new Problem(CodeTable.FromHttpStatus(status), $"the server answered HTTP {status} without a reason; is --base-url a Stoker server?"));
    }

    /// <summary>Upload addresses are the server's own words; a key follows them only back to that server.</summary>
    private Uri SameServer(Uri address)
    {
        var absolute = new Uri(Settings.BaseUrl, address);
        return Uri.Compare(absolute, Settings.BaseUrl, UriComponents.SchemeAndServer, UriFormat.UriEscaped, StringComparison.OrdinalIgnoreCase) == 0
            ? absolute
            : throw new ProblemException(new Problem(Code.PermissionDenied, $"the server named an upload address elsewhere ({absolute.Host}); this program sends keys to {Settings.BaseUrl} only"));
    }
}
