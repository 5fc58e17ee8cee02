using Stoker.Engine;
using Stoker.Replica.Answers;
using Stoker.Replica.Requests;

namespace Stoker.Replica.Tests.Answers;

public sealed class FirstAnswerTests
{
    private static readonly GenerationEvent End = new(0, "text", [], FinishReason.Length)
    {
        Usage = new(1, 1, 0, TimeSpan.Zero, TimeSpan.Zero, TimeSpan.Zero),
    };

    [Theory]
    [InlineData(false)]
    [InlineData(true)] // of which the encoding fails here, as with a template that wants other messages
    public async Task Is_one_token_from_one_token_that_nobody_counts_and_encodes_a_prompt_in_vain(bool chat)
    {
        await using var engine = new ScriptedEngine(End) { SupportsChat = chat };
        await StreamAsync(engine);
        var submitted = engine.Submitted.ShouldNotBeNull();
        (submitted.PromptTokens.Count, submitted.MaxTokens, submitted.IgnoreEos, submitted.IsProbe).ShouldBe((1, 1, true, true));
        engine.Encoded.ShouldBe(1);
    }

    [Theory]
    [InlineData(FinishReason.Error)]
    [InlineData(FinishReason.Cancelled)]
    public async Task Fails_as_the_engine_fails(FinishReason reason)
    {
        await using var engine = new ScriptedEngine(new GenerationEvent(0, "", [], reason) { Error = new InvalidOperationException("It broke.") });
        (await Should.ThrowAsync<ApiException>(() => StreamAsync(engine))).GetBaseException().Message.ShouldBe("It broke.");
    }

    private static Task StreamAsync(ScriptedEngine engine) => FirstAnswer.StreamAsync(engine, TimeProvider.System, TestContext.Current.CancellationToken);
}
