using System.Text.Json;
using Stoker.ControlPlane.Routing;
using Stoker.ControlPlane.Tests.Routing;

namespace Stoker.ControlPlane.Tests.Gateway;

/// <summary>Calls of the inference surface, and what tests look for in answers.</summary>
internal static class Inference
{
    public const string Model = "accounts/fireworks/models/story-3m";
    public const string Deployment = "accounts/default/deployments/d";
    public const string Completions = "/inference/v1/completions";
    public const string Chat = "/inference/v1/chat/completions";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Makes replicas those of the first account's deployment.</summary>
    public static Route Serve(this GatewayHost host, params IReadOnlyList<ReplicaTarget> replicas)
    {
        var route = Routes.To(Deployment, Model, replicas);
        host.Routing.Publish(new RoutingTable([route]));
        return route;
    }

    public static async Task<HttpResponseMessage> CompleteAsync(
        this HttpClient client, string body = $$"""{"model":"{{Model}}","prompt":"x"}""", string path = Completions) =>
        await client.PostAsync(path, GatewayHost.Json(body), Cancellation);

    /// <summary>Answers with the head; the stream is read by the test.</summary>
    public static async Task<HttpResponseMessage> StreamAsync(
        this HttpClient client, string body = $$"""{"model":"{{Model}}","prompt":"x","stream":true}""")
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Completions) { Content = GatewayHost.Json(body) };
        return await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancellation);
    }

    public static async Task<StreamReader> ReaderAsync(this HttpResponseMessage answer) =>
        new(await answer.Content.ReadAsStreamAsync(Cancellation));

    public static async Task<string> TextAsync(this HttpResponseMessage answer) =>
        await answer.Content.ReadAsStringAsync(Cancellation);

    /// <summary>Checks the status and the form of the body; answers with its <c>error</c>.</summary>
    public static async Task<JsonElement> ErrorAsync(this HttpResponseMessage answer, int status)
    {
        var body = await answer.TextAsync();
        ((int)answer.StatusCode).ShouldBe(status, body);
        answer.Content.Headers.ContentType!.MediaType.ShouldBe("application/json");
        using var json = JsonDocument.Parse(body);
        var error = json.RootElement.GetProperty("error").Clone();
        error.GetProperty("message").GetString().ShouldNotBeNullOrEmpty();
        error.GetProperty("type").GetString().ShouldBe("error");
        error.GetProperty("code").GetString().ShouldNotBeNullOrEmpty();
        return error;
    }

    public static string? Header(this HttpResponseMessage answer, string name) =>
        answer.Headers.TryGetValues(name, out var values) ? string.Join(",", values) : null;
}
