using System.Net;
using System.Net.Http.Json;
using Stoker.Api;
using Stoker.Api.Replicas;

namespace Stoker.ControlPlane.Runtimes;

/// <summary>Addons of a running replica.</summary>
internal sealed partial class ReplicaConnection
{
    /// <summary>From a page cache an addon takes tens of milliseconds, from a cold disk seconds; after this it is a failure.</summary>
    private static readonly TimeSpan LoadTimeout = TimeSpan.FromMinutes(1);

    /// <summary>Longest reason that goes into a status.</summary>
    private const int MaxReason = 500;

    /// <summary>Their names; none when it takes none, and null when it does not say.</summary>
    public async Task<IReadOnlyList<string>?> AddonsAsync(CancellationToken cancellation)
    {
        var (response, _) = await CallAsync(HttpMethod.Get, ReplicaProtocol.AddonsPath, null, CallTimeout, ReadNamesAsync, cancellation);
        return response;
    }

    /// <returns>Null when it has the addon, else why not.</returns>
    public async Task<string?> LoadAddonAsync(string name, string folder, CancellationToken cancellation)
    {
        var body = JsonContent.Create(new LoadAddonRequest(name, folder), ApiJson.Default.LoadAddonRequest);
        var (refusal, answered) = await CallAsync(HttpMethod.Post, ReplicaProtocol.LoadAddonPath, body, LoadTimeout, ReadRefusalAsync, cancellation);
        return answered ? refusal : "the replica did not answer";
    }

    public async Task<bool> UnloadAddonAsync(string name, CancellationToken cancellation)
    {
        var body = JsonContent.Create(new UnloadAddonRequest(name), ApiJson.Default.UnloadAddonRequest);
        var (gone, _) = await CallAsync(
            HttpMethod.Post, ReplicaProtocol.UnloadAddonPath, body, CallTimeout, (response, _) => Task.FromResult(IsGone(response)), cancellation);
        return gone;
    }

    private static bool IsGone(HttpResponseMessage response) => response.IsSuccessStatusCode || response.StatusCode == HttpStatusCode.NotFound;

    private static async Task<IReadOnlyList<string>?> ReadNamesAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        // It says no: it has none. Loads have its reason, and so they end.
        if ((int)response.StatusCode is >= 400 and < 500) return [];
        if (!response.IsSuccessStatusCode) return null;
        var list = await response.Content.ReadFromJsonAsync(ApiJson.Default.ReplicaAddonList, cancellation);
        return list is null ? null : [.. list.Addons.Select(addon => addon.Name)];
    }

    private static async Task<string?> ReadRefusalAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        if (response.IsSuccessStatusCode) return null;
        var message = (await response.Content.ReadFromJsonAsync(ApiJson.Default.ReplicaRefusal, cancellation))?.Error.Message;
        var reason = string.IsNullOrEmpty(message) ? $"the replica answered with status {(int)response.StatusCode}" : message;
        return reason.Length <= MaxReason ? reason : reason[..MaxReason] + "...";
    }

    /// <returns>What was read; and whether there was an answer at all.</returns>
    private async Task<(T? Answer, bool Answered)> CallAsync<T>(
        HttpMethod method, string path, HttpContent? body, TimeSpan patience, Func<HttpResponseMessage, CancellationToken, Task<T>> read,
        CancellationToken cancellation)
    {
        try
        {
            using var timeout = new CancellationTokenSource(patience, time);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, timeout.Token);
            using var request = new HttpRequestMessage(method, path) { Content = body };
            using var response = await _client.SendAsync(request, either.Token);
            return (await read(response, either.Token), true);
        }
        catch (Exception error) when (IsNoAnswer(error) || error is ObjectDisposedException) // let go of in the same moment
        {
            cancellation.ThrowIfCancellationRequested();
            return (default, false);
        }
    }
}
