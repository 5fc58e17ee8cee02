using System.Text.Json;
using System.Text.Json.Nodes;
using Stoker.Testing;

namespace Stoker.EndToEnd.Tests.Harness;

/// <summary>
/// One server with one deployment, <c>d</c>, shared by the tests of a class. Its limits on slow clients are short.
/// </summary>
public sealed class DeployedServer : IAsyncLifetime
{
    public const string Deployment = "accounts/default/deployments/d";

    private static readonly Dictionary<string, string> Options = new()
    {
        ["Stoker__Gateway__MinBodyRateGrace"] = "00:00:02",
        ["Stoker__Gateway__SlowReaderTimeout"] = "00:00:02",
    };

    internal Sandbox Sandbox { get; } = new();

    internal StokerServerProcess Server { get; private set; } = null!;

    /// <summary>The request whose answer is known to the letter, and that answer.</summary>
    internal static (string Prompt, string Text, int Tokens) Golden { get; } = ReadGolden();

    public async ValueTask InitializeAsync()
    {
        Server = await StokerServerProcess.StartAsync(Sandbox, Options);
        await Server.DeployAsync("d");
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        Sandbox.Dispose();
    }

    /// <summary>The server is unharmed: it still gives the golden completion, exactly.</summary>
    internal async Task ShouldBeSoundAsync()
    {
        var body = new JsonObject
        {
            ["model"] = Deployment,
            ["prompt"] = Golden.Prompt,
            ["max_tokens"] = Golden.Tokens,
            ["temperature"] = 0,
            ["ignore_eos"] = true,
        };
        var answer = await RawHttp.PostAsync(Server, "/inference/v1/completions", body.ToJsonString());
        answer.Status.ShouldBe(200, answer.Text);
        answer.Json["choices"]![0]!["text"]!.GetValue<string>().ShouldBe(Golden.Text);
    }

    private static (string, string, int) ReadGolden()
    {
        using var golden = JsonDocument.Parse(File.ReadAllBytes(TestData.Golden("story-3m")));
        var prompt = golden.RootElement.GetProperty("prompts")[0];
        return (prompt.GetProperty("text").GetString()!, prompt.GetProperty("greedy_text").GetString()!, prompt.GetProperty("greedy_ids").GetArrayLength());
    }
}
