using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Stoker.EndToEnd.Tests.Harness;

namespace Stoker.EndToEnd.Tests;

/// <summary>
/// Marked content goes down every path, with all logging on. Afterwards no file that any program wrote and no line that
/// it printed has a mark in it, nor a word of an answer, nor a key outside of its own file.
/// </summary>
public class PrivacyTests
{
    private const string Completions = "/inference/v1/completions";
    private const string Chat = "/inference/v1/chat/completions";

    private readonly string _mark = "canary" + RandomNumberGenerator.GetHexString(20, lowercase: true);
    private int _marks;

    [Theory]
    [InlineData("stoker")]
    [InlineData("simulated")]
    public async Task Content_and_keys_are_in_no_file_and_on_no_terminal(string engine)
    {
        using var sandbox = new Sandbox();
        var options = new Dictionary<string, string> { ["Stoker__Runtime__Engine"] = engine, ["Stoker__Runtime__LogLevel"] = "debug" };
        var (answer, userKey, output) = ("", "", "");
        await using (var server = await StokerServerProcess.StartAsync(sandbox, options, "--log-level", "Trace"))
        {
            await server.DeployAsync("d");
            userKey = await CreateKeyAsync(server);
            answer = await SucceedAsync(server);
            await MisuseAsync(server);
            await HangUpAsync(server);
            await HoldAsync(server, sandbox);
            await LoseReplicaAsync(server, sandbox);
            await LoseServerAsync(server);
            output += server.Output;
        }

        await using (var server = await StokerServerProcess.StartAsync(sandbox, options, "--log-level", "Trace"))
        {
            await server.ReadyAsync("d");
            using var stream = await OpenStreamAsync(server);
            (await server.TerminateAsync()).ShouldBe(0, server.Output);
            output += server.Output;
        }

        ReplicaProcesses.Under(sandbox.Root).ShouldBeEmpty();
        (string, byte[])[] places = [.. sandbox.AllFiles(), ("the programs' output", Encoding.UTF8.GetBytes(output))];
        _marks.ShouldBeGreaterThan(30);
        ContentScan.Find(_mark, places).ShouldBeEmpty();
        ContentScan.Find(answer, places).ShouldBeEmpty();
        ContentScan.Find(userKey, places).ShouldBeEmpty();
        var adminKey =
            (await File.ReadAllTextAsync(sandbox.AdminKeyFile, TestContext.Current.CancellationToken)).Trim();
        ContentScan.Find(adminKey, places).ShouldHaveSingleItem().ShouldStartWith(sandbox.AdminKeyFile);
    }

    /// <summary>A text of its own, so that a hit tells which request it came from.</summary>
    private string Mark() => $"{_mark}z{_marks++}z";

    private static async Task<string> CreateKeyAsync(StokerServerProcess server)
    {
        var created = await RawHttp.PostAsync(server, "/v1/accounts/default/users/admin/apiKeys", """{"apiKey":{"displayName":"another"}}""");
        return created.Json["key"]!.GetValue<string>();
    }

    /// <returns>Some of an answer's text.</returns>
    private async Task<string> SucceedAsync(StokerServerProcess server)
    {
        var text = await AnswerAsync(server, Completions, new()
        {
            ["prompt"] = $"{Mark()} Once upon a time",
            ["max_tokens"] = 60,
            ["ignore_eos"] = true,
            ["stop"] = new JsonArray(Mark(), Mark()),
            ["user"] = Mark(),
            ["metadata"] = new JsonObject { [Mark()] = Mark() },
            ["prompt_cache_key"] = Mark(),
            ["prompt_cache_isolation_key"] = Mark(),
            ["logprobs"] = 2,
        });
        await AnswerAsync(server, Completions, new() { ["prompt"] = Mark(), ["echo"] = true, ["max_tokens"] = 4 });
        await AnswerAsync(server, Completions, new() { ["prompt"] = Mark(), ["stream"] = true, ["max_tokens"] = 20 });
        await AnswerAsync(server, Chat, Messages(stream: false));
        await AnswerAsync(server, Chat, Messages(stream: true));
        var words = text.Json["choices"]![0]!["text"]!.GetValue<string>();
        return words[^Math.Min(24, words.Length)..];
    }

    private JsonObject Messages(bool stream) => new()
    {
        ["messages"] = new JsonArray(
            new JsonObject { ["role"] = "system", ["content"] = Mark() },
            new JsonObject { ["role"] = "user", ["content"] = Mark(), ["name"] = Mark() },
            new JsonObject { ["role"] = "assistant", ["content"] = Mark() },
            new JsonObject { ["role"] = "user", ["content"] = new JsonArray(new JsonObject { ["type"] = "text", ["text"] = Mark() }) }),
        ["max_tokens"] = 20,
        ["stream"] = stream,
    };

    private static async Task<RawAnswer> AnswerAsync(StokerServerProcess server, string path, JsonObject body)
    {
        body["model"] = DeployedServer.Deployment;
        var answer = await RawHttp.PostAsync(server, path, body.ToJsonString());
        answer.Status.ShouldBe(200, answer.Text);
        return answer;
    }

    /// <summary>Everything that is refused, at each of the stages that refuse.</summary>
    private async Task MisuseAsync(StokerServerProcess server)
    {
        const string Model = DeployedServer.Deployment;
        string[] bodies =
        [
            $$"""{"model":"{{Model}}","prompt":"{{Mark()}}""",
            $$"""{"model":"{{Model}}","prompt":"{{Mark()}}","prompt":"{{Mark()}}"}""",
            $$"""{"model":"{{Model}}","prompt":"x","{{Mark()}}":1}""",
            $$"""{"model":"{{Model}}","prompt":{"{{Mark()}}":"{{Mark()}}"} }""",
            $$"""{"model":"{{Model}}","prompt":"\ud800{{Mark()}}"}""",
            $$"""{"model":"{{Mark()}}","prompt":"{{Mark()}}"}""",
            $$"""{"model":"{{Model}}#{{Mark()}}","prompt":"{{Mark()}}"}""",
            $$"""{"model":"{{Model}}","prompt":"{{Repeat(2_000)}}"}""",
            $$"""{"model":"{{Model}}","prompt":"{{Repeat(500_000)}}"}""",
            $$"""{"model":"{{Model}}","prompt":"{{Mark()}}","max_tokens":"{{Mark()}}"}""",
            $$"""{"model":"{{Model}}","prompt":"{{Mark()}}","temperature":1e99}""",
            $$"""{"model":"{{Model}}","prompt":"{{Mark()}}","logit_bias":{"{{Mark()}}":1} }""",
            $$"""{"model":"{{Model}}","prompt":"{{Mark()}}","logit_bias":{"99999999":1} }""",
            $$"""{"model":"{{Model}}","prompt":"{{Mark()}}","stop":["{{Mark()}}","","a","b","c","d"]}""",
            $$"""{"model":"{{Model}}","prompt":"{{Mark()}}","images":["{{Mark()}}"]}""",
            $$"""{"model":"{{Model}}","prompt":"{{Mark()}}","response_format":{"type":"json_schema","json_schema":{"{{Mark()}}":1} } }""",
            $$"""{"model":"{{Model}}","prompt":"{{Mark()}}","prediction":{"type":"{{Mark()}}","content":"{{Mark()}}"} }""",
            $$"""{"model":"{{Model}}","prompt":"{{Mark()}}","max_tokens":1,"prediction":"{{Repeat(5)}}"}""",
            $$"""{"model":"{{Model}}","prompt":"{{Mark()}}","metadata":{"{{Mark()}}":5} }""",
            $$"""{"model":"{{Model}}","prompt":"{{Mark()}}","service_tier":"{{Mark()}}"}""",
        ];
        foreach (var body in bodies) await MisusedAsync(server, Completions, body);

        string[] chats =
        [
            $$"""{"model":"{{Model}}","messages":[{"role":"{{Mark()}}","content":"{{Mark()}}"}]}""",
            $$"""{"model":"{{Model}}","messages":[{"role":"user","{{Mark()}}":"{{Mark()}}"}]}""",
            $$"""{"model":"{{Model}}","messages":[{"role":"user","content":[{"type":"image_url","image_url":"{{Mark()}}"}]}]}""",
            $$"""{"model":"{{Model}}","messages":[{"role":"user","content":"x"}],"tools":[{"type":"function","function":{"name":"{{Mark()}}"} }]}""",
            $$"""{"model":"{{Model}}","messages":[{"role":"user","content":"x"}],"custom_chat_template":"{{Mark()}}"}""",
        ];
        foreach (var body in chats) await MisusedAsync(server, Chat, body);

        var fine = $$"""{"model":"{{Model}}","prompt":"{{Mark()}}"}""";
        await MisusedAsync(server, Completions, fine, $"Authorization: Bearer fw_{Mark()}");
        await MisusedAsync(server, Completions, fine, $"Content-Encoding: {Mark()}");
        await MisusedAsync(server, $"/inference/v1/{Mark()}?{Mark()}={Mark()}", fine, $"User-Agent: {Mark()}", $"Cookie: {Mark()}", $"X-{Mark()}: {Mark()}");
        await MisusedAsync(server, "/v1/accounts/default/deployments", $$"""{"baseModel":"{{Mark()}}","{{Mark()}}":"{{Mark()}}"}""");
        await MisusedAsync(server, "/v1/accounts/default/models", $$"""{"{{Mark()}}""");
    }

    private string Repeat(int times) => string.Join(' ', Enumerable.Repeat(Mark(), times));

    private static async Task MisusedAsync(StokerServerProcess server, string path, string body, params string[] headers)
    {
        var answer = await RawHttp.PostAsync(server, path, body, headers);
        // the simulated engine takes token ids that a model does not have
        answer.Status.ShouldBeInRange(200, 499, answer.Text);
    }

    private async Task HangUpAsync(StokerServerProcess server)
    {
        using (var stream = await OpenStreamAsync(server)) (await stream.NextAsync()).ShouldNotBeNull();

        // In the middle of a body, and before the answer.
        var body = Encoding.UTF8.GetBytes($$"""{"model":"{{DeployedServer.Deployment}}","prompt":"{{Mark()}}","max_tokens":300}""");
        foreach (var length in new[] { body.Length - 10, body.Length })
        {
            using var http = await RawHttp.ConnectAsync(server.Url);
            await http.SendAsync([.. RawHttp.Head(server, "POST", Completions, body.Length), .. body.AsSpan(0, length)]);
        }
    }

    /// <summary>Requests that wait for a replica: answered, hung up on, and told that none will come.</summary>
    private async Task HoldAsync(StokerServerProcess server, Sandbox sandbox)
    {
        const string Held = "accounts/default/deployments/held";
        await RawHttp.PostAsync(server, "/v1/accounts/default/deployments?deploymentId=held", """{"baseModel":"accounts/fireworks/models/story-3m"}""");
        await Patience.UntilAsync(
            async () => (await RawHttp.SendAsync(server, "GET", "/v1/models", null)).Text, models => models.Contains(Held, StringComparison.Ordinal), "it is known");
        string Body(bool stream) => $$"""{"model":"{{Held}}","prompt":"{{Mark()}}","max_tokens":2,"stream":{{(stream ? "true" : "false")}}}""";
        foreach (var stream in new[] { true, false })
        {
            using var gone = await RawHttp.ConnectAsync(server.Url);
            var body = Encoding.UTF8.GetBytes(Body(stream));
            await gone.SendAsync([.. RawHttp.Head(server, "POST", Completions, body.Length), .. body]);
        }

        var answers = await Task.WhenAll(RawHttp.PostAsync(server, Completions, Body(stream: true)), RawHttp.PostAsync(server, Completions, Body(stream: false)));
        answers.ShouldAllBe(answer => answer.Status == 200);
        await RawHttp.SendAsync(server, "DELETE", "/v1/accounts/default/deployments/held?hard=true", null);
        (await RawHttp.PostAsync(server, Completions, Body(stream: true))).Status.ShouldBeInRange(200, 503);
        await Patience.UntilAsync(() => Task.FromResult(ReplicaProcesses.Under(sandbox.Root).Count), count => count == 1, "only the other replica");
    }

    private async Task LoseReplicaAsync(StokerServerProcess server, Sandbox sandbox)
    {
        using var stream = await OpenStreamAsync(server);
        (await stream.NextAsync()).ShouldNotBeNull();
        var replica = ReplicaProcesses.Under(sandbox.Root).ShouldHaveSingleItem();
        replica.Kill();
        await stream.RestAsync();
        await Patience.UntilAsync(
            () => Task.FromResult(ReplicaProcesses.Under(sandbox.Root)), running => running.Any(process => process.Id != replica.Id), "a new replica");
        await server.ReadyAsync("d");
    }

    private async Task LoseServerAsync(StokerServerProcess server)
    {
        using var stream = await OpenStreamAsync(server);
        (await stream.NextAsync()).ShouldNotBeNull();
        await server.KillAsync();
    }

    private Task<EventStream> OpenStreamAsync(StokerServerProcess server) =>
        EventStream.OpenAsync(server.Http, DeployedServer.Deployment, Mark(), maxTokens: 400);
}
