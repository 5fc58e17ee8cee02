using System.Text.Json.Nodes;

namespace Stoker.Replica.Tests.Endpoints;

public sealed class InferenceEndpointTests : IAsyncLifetime
{
    private RunningReplica _replica = null!;

    public async ValueTask InitializeAsync() => _replica = await (await RunningReplica.StartAsync()).LoadedAsync();

    public ValueTask DisposeAsync() => _replica.DisposeAsync();

    [Fact]
    public async Task A_completion_has_text_reason_and_exact_usage()
    {
        var (status, body) = await _replica.PostAsync("/v1/completions", """{"model":"sim","prompt":"Once upon","max_tokens":5}""");
        status.ShouldBe(200);
        body["object"]!.GetValue<string>().ShouldBe("text_completion");
        body["model"]!.GetValue<string>().ShouldBe("sim");
        body["choices"]![0]!["finish_reason"]!.GetValue<string>().ShouldBe("length");
        body["choices"]![0]!["text"]!.GetValue<string>().Split(' ').Length.ShouldBe(6);
        body["usage"]!.ToJsonString().ShouldBe(
            """{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14,"prompt_tokens_details":{"cached_tokens":0}}""");
    }

    [Fact]
    public async Task A_chat_stream_begins_with_the_role_ends_with_usage_and_the_end_mark_and_says_what_the_whole_answer_says()
    {
        const string Ask = """{"model":"sim","messages":[{"role":"user","content":"Hello"}],"seed":3,"stream":STREAM}""";
        var (_, whole) = await _replica.PostAsync("/v1/chat/completions", Ask.Replace("STREAM", "false", StringComparison.Ordinal));
        var lines = await _replica.StreamAsync("/v1/chat/completions", Ask.Replace("STREAM", "true", StringComparison.Ordinal));
        lines[^1].ShouldBe("[DONE]");
        var chunks = lines.SkipLast(1).Select(line => JsonNode.Parse(line)!).ToList();
        chunks[0]["choices"]![0]!["delta"]!["role"]!.GetValue<string>().ShouldBe("assistant");
        chunks.ShouldAllBe(chunk => chunk["object"]!.GetValue<string>() == "chat.completion.chunk");
        string.Concat(chunks.Select(chunk => chunk["choices"]![0]!["delta"]!["content"]?.GetValue<string>()))
            .ShouldBe(whole["choices"]![0]!["message"]!["content"]!.GetValue<string>());
        chunks.SkipLast(1).ShouldAllBe(chunk => chunk["usage"] == null && chunk["choices"]![0]!["finish_reason"] == null);
        chunks[^1]["choices"]![0]!["finish_reason"]!.GetValue<string>().ShouldBe("stop");
        chunks[^1]["usage"]!["completion_tokens"]!.GetValue<int>().ShouldBe(24);
    }
}
