using System.Text.Json.Nodes;
using Stoker.Engine;

namespace Stoker.Replica.Tests.Answers;

public sealed class StreamedAnswerTests
{
    private const string Ask = """{"model":"sim","prompt":"x","stream":true}""";

    private static readonly GenerationEvent Text = new(0, "Once", []);

    [Theory]
    [InlineData(FinishReason.Error, "internal_error")]
    [InlineData(FinishReason.Cancelled, "cancelled")]
    public async Task A_failure_after_the_first_event_is_an_error_event_and_no_end_mark(FinishReason reason, string code)
    {
        await using var replica = await StartAsync(Text, new(0, "", [], reason) { Error = new InvalidOperationException("It broke.") });
        var lines = await replica.StreamAsync("/v1/completions", Ask);
        lines.Count.ShouldBe(2);
        JsonNode.Parse(lines[0])!["choices"]![0]!["text"]!.GetValue<string>().ShouldBe("Once");
        var error = JsonNode.Parse(lines[1])!["error"]!;
        (error["code"]!.GetValue<string>(), error["message"]!.GetValue<string>()).ShouldBe((code, "It broke."));
    }

    [Theory]
    [InlineData(FinishReason.Error, 500)]
    [InlineData(FinishReason.Cancelled, 503)]
    public async Task A_failure_before_the_first_event_still_has_its_status_and_the_log_has_type_and_place(FinishReason reason, int status)
    {
        await using var replica = await StartAsync(new GenerationEvent(0, "", [], reason) { Error = new InvalidOperationException("It broke.") });
        var (got, body) = await replica.PostAsync("/v1/completions", Ask);
        got.ShouldBe(status);
        body["error"]!["message"]!.GetValue<string>().ShouldBe("It broke.");
        replica.LogText.ShouldContain(status == 500 ? "System.InvalidOperationException" : "503 cancelled");
        replica.LogText.ShouldNotContain("It broke.");
    }

    [Fact]
    public async Task A_whole_answer_that_fails_half_way_is_an_error_and_not_half_an_answer()
    {
        await using var replica = await StartAsync(Text, new(0, "", [], FinishReason.Error));
        var (status, body) = await replica.PostAsync("/v1/completions", """{"model":"sim","prompt":"x"}""");
        status.ShouldBe(500);
        body["choices"].ShouldBeNull();
    }

    [Fact]
    public async Task A_model_without_a_chat_template_refuses_chats_and_says_where_to_go()
    {
        await using var replica = await StartAsync(Text);
        var (status, body) = await replica.PostAsync("/v1/chat/completions", """{"model":"sim","messages":[{"role":"user","content":"x"}]}""");
        status.ShouldBe(400);
        body["error"]!["message"]!.GetValue<string>().ShouldContain("/v1/completions");
    }

    private static async Task<RunningReplica> StartAsync(params GenerationEvent[] events) =>
        await (await RunningReplica.StartWithAsync(new ScriptedEngine(events))).LoadedAsync();
}
