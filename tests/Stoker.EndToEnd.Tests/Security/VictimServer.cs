using System.Text.Json.Nodes;
using Stoker.EndToEnd.Tests.Harness;

namespace Stoker.EndToEnd.Tests.Security;

/// <summary>A server with two accounts, of which one has a thing called <c>there</c> of each kind. Shared by the tests of a class.</summary>
public sealed class VictimServer : IAsyncLifetime
{
    internal const string Canary = "canary-of-the-victim";

    internal Sandbox Sandbox { get; } = new();

    internal StokerServerProcess Server { get; private set; } = null!;

    /// <summary>The header of an admin of the account <c>evil</c>.</summary>
    internal string Eve { get; private set; } = "";

    /// <summary>The header of an admin of the account <c>victim</c>.</summary>
    internal string Victims { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        Server = await StokerServerProcess.StartAsync(Sandbox);
        foreach (var account in (string[])["victim", "evil"])
        {
            var name = account == "victim" ? Canary : "evil";
            await MakeAsync($"/v1/accounts?accountId={account}", $$"""{"displayName":"{{name}}"}""");
            await MakeAsync($"/v1/accounts/{account}/users?userId=there", $$"""{"role":"admin","displayName":"{{name}}"}""");
        }

        Eve = "Authorization: Bearer " + (await MakeAsync("/v1/accounts/evil/users/there/apiKeys", "{}"))["key"]!.GetValue<string>();
        Victims = "Authorization: Bearer " + (await MakeAsync("/v1/accounts/victim/users/there/apiKeys", $$$"""{"apiKey":{"displayName":"{{{Canary}}}"}}"""))["key"]!.GetValue<string>();
        const string Model = $$$"""{"modelId":"there","model":{"kind":"HF_BASE_MODEL","baseModelDetails":{},"displayName":"{{{Canary}}}"}}""";
        await MakeAsync("/v1/accounts/victim/models", Model, Victims);
        const string Deployment = $$$"""{"baseModel":"accounts/fireworks/models/story-3m","displayName":"{{{Canary}}}","minReplicaCount":0,"maxReplicaCount":0}""";
        await MakeAsync("/v1/accounts/victim/deployments?deploymentId=there", Deployment, Victims);
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        Sandbox.Dispose();
    }

    private async Task<JsonNode> MakeAsync(string path, string body, params string[] headers)
    {
        var answer = await RawHttp.PostAsync(Server, path, body, headers);
        answer.Status.ShouldBe(200, $"{path}: {answer.Text}");
        return answer.Json;
    }
}
