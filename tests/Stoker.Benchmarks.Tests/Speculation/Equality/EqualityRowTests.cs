using Stoker.Benchmarks.Speculation.Equality;
using Stoker.Engine;

namespace Stoker.Benchmarks.Tests.Speculation.Equality;

public class EqualityRowTests
{
    private static readonly GeneratedToken Token = new(5, default, 0, -1.5, [new(5, default, -1.5)]);

    [Theory]
    [InlineData(0, 3, 1, null)]
    [InlineData(1, 3, 1, "draft model: 1 of 9 answers differ")]
    [InlineData(0, 4, 1, "draft model: 1 of 4 drafts accepted, where the plain version counts 1 of 3")]
    [InlineData(0, 3, 2, "draft model: 2 of 3 drafts accepted, where the plain version counts 1 of 3")]
    public void What_differs_is_told(int differing, long drafted, long accepted, string? fault) =>
        new EqualityRow("draft model", 9, 90, differing, new() { Drafted = drafted, Accepted = accepted }, (3, 1)).Fault.ShouldBe(fault);

    [Fact]
    public void Drafts_that_are_never_accepted_show_nothing_unless_they_may_be_paused()
    {
        var row = new EqualityRow("draft model", 9, 90, 0, new() { Drafted = 7 }, null);
        row.Fault.ShouldBe("draft model: no draft was accepted, so nothing was shown");
        (row with { MayPause = true }).Fault.ShouldBeNull();
    }

    [Fact]
    public void Answers_are_the_same_only_to_the_bit()
    {
        EqualityRow.AreSame(Answer(Token), Answer(Token with { TopLogprobs = [.. Token.TopLogprobs] })).ShouldBeTrue();
        EqualityRow.AreSame(Answer(Token), Answer(Token with { Id = 6 })).ShouldBeFalse();
        EqualityRow.AreSame(Answer(Token), Answer(Token with { Logprob = Math.BitIncrement(-1.5) })).ShouldBeFalse();
        EqualityRow.AreSame(Answer(Token), Answer(Token with { TopLogprobs = [] })).ShouldBeFalse();
        EqualityRow.AreSame(Answer(Token), Answer(Token, Token)).ShouldBeFalse();
        EqualityRow.AreSame(Answer(Token), new([], Answer(Token).Usage)).ShouldBeFalse();
        var stopped = Answer(Token).Choices[0] with { Finish = FinishReason.Stop };
        EqualityRow.AreSame(Answer(Token), new([stopped], Answer(Token).Usage)).ShouldBeFalse();
    }

    private static GenerationResult Answer(params GeneratedToken[] tokens) =>
        new([new("a", [], tokens, FinishReason.Length, null)], new(1, tokens.Length, 0, default, null, default));
}
