namespace Stoker.Engine.Tests.Scheduling;

/// <summary>What is the same of an answer that another engine went on with.</summary>
internal static class GoneOn
{
    /// <summary>After each of the events: what the request is for the one that goes on.</summary>
    public static IEnumerable<(GenerationRequest Request, int Events)> Cuts(GenerationRequest request, IReadOnlyList<GenerationEvent> events)
    {
        List<int> answered = [];
        for (var index = 0; index < events.Count; index++)
        {
            if (!events[index].IsPrompt) answered.AddRange(events[index].Tokens.Select(token => token.Id));
            if (answered.Count > 0) yield return (request with { Answered = [.. answered] }, index + 1);
        }
    }

    /// <summary>The events that were left to come, to the bit; after the last one only the end is told again.</summary>
    public static void Same(IReadOnlyList<GenerationEvent> rest, IReadOnlyList<GenerationEvent> whole, int from)
    {
        var usage = rest[^1].Usage.ShouldNotBeNull();
        var all = whole[^1].Usage!;
        (usage.PromptTokens, usage.CompletionTokens).ShouldBe((all.PromptTokens, all.CompletionTokens));
        if (from == whole.Count)
        {
            rest.Count.ShouldBe(1);
            rest[0].ShouldSatisfyAllConditions(
                end => end.IsKnown.ShouldBeTrue(), end => end.Finish.ShouldBe(whole[^1].Finish), end => end.Text.ShouldBe(""), end => end.Tokens.Count.ShouldBe(0));
            return;
        }

        rest.Count.ShouldBe(whole.Count - from);
        for (var index = 0; index < rest.Count; index++) Same(rest[index], whole[from + index]);
    }

    private static void Same(GenerationEvent actual, GenerationEvent expected)
    {
        (actual.Text, actual.Finish, actual.IsPrompt, actual.IsKnown).ShouldBe((expected.Text, expected.Finish, expected.IsPrompt, false));
        actual.Tokens.Count.ShouldBe(expected.Tokens.Count);
        for (var index = 0; index < actual.Tokens.Count; index++)
        {
            var (one, other) = (actual.Tokens[index], expected.Tokens[index]);
            (one.Id, one.TextOffset, one.IsEnd, Bits(one.Logprob)).ShouldBe((other.Id, other.TextOffset, other.IsEnd, Bits(other.Logprob)));
            one.Bytes.ToArray().ShouldBe(other.Bytes.ToArray());
            one.TopLogprobs.Select(top => (top.Id, Bits(top.Logprob))).ShouldBe(other.TopLogprobs.Select(top => (top.Id, Bits(top.Logprob))));
        }
    }

    private static long? Bits(double? value) => value is { } number ? BitConverter.DoubleToInt64Bits(number) : null;
}
