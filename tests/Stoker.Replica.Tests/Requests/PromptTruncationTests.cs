using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Stoker.Replica.Tests.Requests;

/// <summary>Conversations that are shortened because the request asks for it; the simulated engine's tokens are bytes.</summary>
public sealed class PromptTruncationTests : IAsyncLifetime
{
    private const string Chat = "/v1/chat/completions";

    private static readonly (string Role, string Content)[] Conversation =
    [
        ("system", "Be kind."), ("user", "first question"), ("assistant", "first answer"), ("user", "second question"), ("system", "Be brief."),
        ("assistant", "second answer"), ("user", "third question"),
    ];

    private RunningReplica _replica = null!;

    public async ValueTask InitializeAsync() => _replica = await (await RunningReplica.StartAsync()).LoadedAsync();

    public ValueTask DisposeAsync() => _replica.DisposeAsync();

    /// <summary>Whole turns go, the oldest first; system messages and the last message stay.</summary>
    [Theory]
    [InlineData(0, new[] { 0, 1, 2, 3, 4, 5, 6 })]
    [InlineData(1, new[] { 0, 3, 4, 5, 6 })]
    [InlineData(2, new[] { 0, 4, 6 })]
    public async Task The_oldest_turns_go_until_the_prompt_is_short_enough(int dropped, int[] left)
    {
        var expected = PromptOf([.. left.Select(index => Conversation[index])]);
        foreach (var most in new[] { expected.Length, expected.Length + 1 })
        {
            var answer = await AnswerAsync(Ask(most));
            answer["choices"]![0]!["prompt_token_ids"].ShouldBeNull(); // of a conversation they stand at the top
            Ids(answer["prompt_token_ids"]).ShouldBe(expected, $"{dropped} turns dropped");
            answer["usage"]!["prompt_tokens"]!.GetValue<int>().ShouldBe(expected.Length);
        }
    }

    [Fact]
    public async Task A_limit_above_the_prompt_or_none_changes_nothing()
    {
        var whole = PromptOf(Conversation);
        foreach (var ask in new[] { Ask(int.MaxValue), Ask(whole.Length), Ask(null) }) Ids((await AnswerAsync(ask))["prompt_token_ids"]).ShouldBe(whole);
    }

    [Fact]
    public async Task What_must_stay_and_is_longer_is_refused_with_both_lengths()
    {
        var least = PromptOf([Conversation[0], Conversation[4], Conversation[6]]).Length;
        var (status, body) = await _replica.PostAsync(Chat, Ask(least - 1).ToJsonString());
        var error = body["error"]!;
        (status, error["param"]!.GetValue<string>(), error["code"]!.GetValue<string>()).ShouldBe((400, "prompt_truncate_len", "context_length_exceeded"));
        error["message"]!.GetValue<string>().ShouldContain($"is {least - 1}, but the system messages and the last message have {least} tokens");
        error["message"]!.GetValue<string>().ShouldNotContain("question"); // a prompt is never quoted
    }

    [Fact]
    public async Task A_lone_message_is_never_cut()
    {
        var (status, body) = await _replica.PostAsync(Chat, """{"model":"sim","messages":[{"role":"user","content":"hello"}],"prompt_truncate_len":5}""");
        status.ShouldBe(400);
        body["error"]!["message"]!.GetValue<string>().ShouldContain("have 22 tokens"); // user: hello, assistant:
    }

    [Fact]
    public async Task A_conversation_over_the_context_is_answered_when_it_asks_to_be_shortened()
    {
        var messages = new JsonArray(Message("user", new string('x', 9000)), Message("assistant", "ok"), Message("user", "and now?"));
        var ask = new JsonObject { ["model"] = "sim", ["messages"] = messages };
        var (status, body) = await _replica.PostAsync(Chat, ask.ToJsonString());
        (status, body["error"]!["code"]!.GetValue<string>()).ShouldBe((400, "context_length_exceeded")); // nothing is cut unasked
        ask["prompt_truncate_len"] = 4000;
        (await AnswerAsync(ask))["usage"]!["prompt_tokens"]!.GetValue<int>().ShouldBe(PromptOf([("user", "and now?")]).Length);
    }

    [Fact]
    public async Task Streams_echoes_and_choices_have_the_same_shortened_prompt()
    {
        var expected = PromptOf([Conversation[0], .. Conversation[3..]]);
        var ask = Ask(expected.Length);
        (ask["stream"], ask["n"], ask["echo"], ask["logprobs"]) = (true, 2, true, true);
        var lines = await _replica.StreamAsync(Chat, ask.ToJsonString());
        var events = lines.SkipLast(1).Select(line => JsonNode.Parse(line)!).ToList();
        events.Last(item => item["usage"] is not null)["usage"]!["prompt_tokens"]!.GetValue<int>().ShouldBe(expected.Length);
        var text = string.Concat(events.SelectMany(item => item["choices"]!.AsArray()).Where(choice => choice!["index"]!.GetValue<int>() == 1)
            .Select(choice => choice!["delta"]?["content"]?.GetValue<string>()));
        text.ShouldStartWith(Encoding.UTF8.GetString([.. expected.Select(id => (byte)id)]));
    }

    [Theory]
    [InlineData(Chat, """{"model":"sim","messages":[{"role":"user","content":"x"}],"prompt_truncate_len":50,"safe_tokenization":true}""", "cannot be combined with safe_tokenization")]
    [InlineData("/v1/completions", """{"model":"sim","prompt":"x","prompt_truncate_len":50}""", "Extra inputs are not permitted")]
    public async Task Where_it_does_not_work_it_is_refused(string path, string ask, string message)
    {
        var (status, body) = await _replica.PostAsync(path, ask);
        status.ShouldBe(400);
        body["error"]!["message"]!.GetValue<string>().ShouldContain(message);
    }

    private static JsonObject Ask(int? most) => new()
    {
        ["model"] = "sim",
        ["messages"] = new JsonArray([.. Conversation.Select(message => (JsonNode)Message(message.Role, message.Content))]),
        ["max_tokens"] = 4,
        ["return_token_ids"] = true,
        ["prompt_truncate_len"] = most,
    };

    private static JsonObject Message(string role, string content) => new() { ["role"] = role, ["content"] = content };

    private static int[] PromptOf((string Role, string Content)[] messages) =>
        [.. Encoding.UTF8.GetBytes(string.Concat(messages.Select(message => $"{message.Role}: {message.Content}\n")) + "assistant:").Select(value => (int)value)];

    private static int[] Ids(JsonNode? ids) => ids.Deserialize<int[]>()!;

    private async Task<JsonNode> AnswerAsync(JsonObject ask)
    {
        var (status, body) = await _replica.PostAsync(Chat, ask.ToJsonString());
        status.ShouldBe(200, body.ToJsonString());
        return body;
    }
}
