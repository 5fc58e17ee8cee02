namespace Stoker.Engine.Tests.Scheduling;

public sealed class StepLoopTests
{
    internal static GenerationRequest Ask(string prompt, int maxTokens = 12, long seed = 1) => new()
    {
        PromptTokens = FakeText.Ids(prompt),
        MaxTokens = maxTokens,
        Sampling = new() { Seed = seed },
    };

    /// <summary>Tokens that come whatever the logits say: each one forced by the bias, one after the other.</summary>
    internal static GenerationRequest Forced(int token, int maxTokens = 12) =>
        Ask("abc", maxTokens) with { Sampling = new() { Temperature = 0, LogitBias = new Dictionary<int, double> { [token] = 100 } } };

    [Fact]
    public void Choices_that_wait_hold_no_copy_of_their_prompt()
    {
        const int Length = 50_000;
        var rig = new LoopRig(blocks: 4000, maxSequences: 2, model: new(contextLength: 60_000));
        var request = Ask("a", maxTokens: 1) with
        {
            PromptTokens = new int[Length],
            Choices = 128,
            Stop = [new string('x', 1000)],
            Sampling = new() { RepetitionPenalty = 1.1 },
        };
        var before = GC.GetAllocatedBytesForCurrentThread();
        rig.Submit(request);
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBeLessThan(5 * sizeof(int) * Length);
    }

    [Fact]
    public void Deltas_joined_are_the_text_and_tokens_joined_are_what_was_generated()
    {
        var rig = new LoopRig();
        var state = rig.Submit(Ask("hello", maxTokens: 20) with { IgnoreEos = true, Sampling = new() { Seed = 4, LogitBias = NoBroken } });
        rig.Run();
        var events = LoopRig.Events(state);
        var tokens = events.SelectMany(item => item.Tokens).ToList();
        tokens.Count.ShouldBe(20);
        var stream = new FakeText().NewStream(true);
        string.Concat(events.Select(item => item.Text)).ShouldBe(string.Concat(tokens.Select(token => stream.Append(token.Id))) + stream.Flush());
        events.Count(item => item.Finish is not null).ShouldBe(1);
        events[..^1].ShouldAllBe(item => item.Text.Length > 0 && item.Usage == null);
        events[^1].Usage.ShouldNotBeNull().CompletionTokens.ShouldBe(20);
    }

    [Fact]
    public void Half_a_code_point_never_leaves_and_its_tokens_come_with_it()
    {
        var rig = new LoopRig();
        var request = Forced(FakeText.Emoji, maxTokens: 3); // the first byte, again and again: never valid
        var events = Run(rig, request);
        string.Concat(events.Select(item => item.Text)).ShouldBe("\uFFFD\uFFFD\uFFFD");
        events.SelectMany(item => item.Tokens).Count().ShouldBe(3);
        events[0].Tokens.Count.ShouldBe(2); // the second byte proves the first one wrong
    }

    [Fact]
    public void An_end_token_ends_with_stop_counts_as_used_and_leaves_no_text()
    {
        foreach (var end in new[] { FakeText.End, FakeText.OtherEnd })
        {
            var events = Run(new(), Forced(end));
            var last = events.ShouldHaveSingleItem();
            (last.Text, last.Finish, last.Usage!.CompletionTokens).ShouldBe(("", FinishReason.Stop, 1));
            last.Tokens.Single().ShouldSatisfyAllConditions(token => token.Id.ShouldBe(end), token => token.IsEnd.ShouldBeTrue());
        }
    }

    [Fact]
    public void Ignored_end_tokens_are_tokens_like_any_other_but_the_requests_own_still_end()
    {
        var choice = new LoopRig().Complete(Forced(FakeText.End, maxTokens: 5) with { IgnoreEos = true }).Choices[0];
        (choice.Tokens.Count, choice.Finish, choice.Tokens[^1].IsEnd).ShouldBe((5, FinishReason.Length, false));
        choice = new LoopRig().Complete(Forced(3) with { IgnoreEos = true, StopTokens = [3] }).Choices[0];
        (choice.Tokens.Count, choice.Finish).ShouldBe((1, FinishReason.Stop));
    }

    [Fact]
    public void Before_min_tokens_end_tokens_are_masked_and_stop_strings_do_not_count()
    {
        var choice = new LoopRig().Complete(Forced(FakeText.End) with { MinTokens = 4 }).Choices[0];
        choice.Tokens.Count.ShouldBe(5);
        choice.Tokens.Take(4).ShouldAllBe(token => token.Id != FakeText.End);
        choice = new LoopRig().Complete(Forced(1) with { MinTokens = 4, Stop = ["b"] }).Choices[0];
        (choice.Text, choice.Finish).ShouldBe(("bbb", FinishReason.Stop)); // the fourth b is the stop string
        choice = new LoopRig().Complete(Forced(1) with { MinTokens = 4, Stop = ["bb"] }).Choices[0];
        choice.Text.ShouldBe("bbb"); // b four and five: text from before min_tokens is no part of a stop string
    }

    [Fact]
    public void A_stop_string_over_several_tokens_ends_and_its_text_is_held_back_until_it_is_certain()
    {
        var rig = new LoopRig();
        var events = Run(rig, Forced(2, maxTokens: 9) with { Stop = ["ccccc"] });
        events.ShouldHaveSingleItem().Text.ShouldBe("");
        events[0].Finish.ShouldBe(FinishReason.Stop);
        events[0].Tokens.Count.ShouldBe(5);
        Run(rig, Forced(2, maxTokens: 9) with { Stop = ["ccccc"], IncludeStopText = true }).Select(item => item.Text).ShouldBe(["c", "c", "c", "c", "c"]);
        string.Concat(Run(rig, Forced(2, maxTokens: 4) with { Stop = ["ccccc"] }).Select(item => item.Text)).ShouldBe("cccc");
    }

    [Fact]
    public void The_cut_at_max_tokens_gives_the_same_beginning_as_the_long_answer()
    {
        var all = new LoopRig().Complete(Ask("tale", maxTokens: 30) with { IgnoreEos = true, Sampling = new() { Seed = 3, LogitBias = NoBroken } }).Choices[0];
        for (var cut = 1; cut < 30; cut++)
        {
            var cutShort = new LoopRig().Complete(Ask("tale", cut) with { IgnoreEos = true, Sampling = new() { Seed = 3, LogitBias = NoBroken } }).Choices[0];
            cutShort.Tokens.Select(token => token.Id).ShouldBe(all.Tokens.Take(cut).Select(token => token.Id));
            cutShort.Finish.ShouldBe(FinishReason.Length);
            var stream = new FakeText().NewStream(true);
            cutShort.Text.ShouldBe(string.Concat(cutShort.Tokens.Select(token => stream.Append(token.Id))) + stream.Flush());
        }
    }

    [Fact]
    public void Choices_differ_share_the_prompt_and_each_end_once()
    {
        var rig = new LoopRig(maxSequences: 4);
        var result = rig.Complete(Ask(new string('p', 40), maxTokens: 10) with { Choices = 6 });
        result.Choices.Count.ShouldBe(6);
        result.Choices.Select(choice => string.Join(' ', choice.Tokens.Select(token => token.Id))).Distinct().Count().ShouldBe(6);
        result.Usage.PromptTokens.ShouldBe(40);
        result.Usage.CompletionTokens.ShouldBe(result.Choices.Sum(choice => choice.Tokens.Count));
        rig.Model.RowsComputed.ShouldBeLessThan(2 * 40 + 6 * (8 + 10)); // not six whole prompts
        rig.Statistics.PromptTokens.ShouldBe(40);
        rig.Statistics.Finished.Values.Sum().ShouldBe(6);
    }

    [Fact]
    public void A_choice_equals_the_one_that_is_generated_alone_with_its_number()
    {
        var together =
            new LoopRig().Complete(Ask("once upon a time".Replace(" ", ""), maxTokens: 15) with { Choices = 5 });
        var fewer = new LoopRig(maxSequences: 1).Complete(Ask("onceuponatime", maxTokens: 15) with { Choices = 3 });
        for (var choice = 0; choice < 3; choice++) Same(fewer.Choices[choice], together.Choices[choice]);
    }

    [Fact]
    public void Max_tokens_zero_computes_the_prompt_and_gives_no_token()
    {
        var result = new LoopRig().Complete(Ask("abc", maxTokens: 0) with { Echo = true, Logprobs = 0 });
        (result.Choices[0].Text, result.Choices[0].Finish, result.Usage.CompletionTokens).ShouldBe(("abc", FinishReason.Length, 0));
        result.Choices[0].PromptTokens.Skip(1).ShouldAllBe(token => token.Logprob < 0);
    }

    [Fact]
    public void Padding_of_the_output_matrix_is_never_drawn_nor_reported()
    {
        var rig = new LoopRig(model: new FakeModel(vocabularySize: 10 * FakeText.Size));
        var request = Ask("abc", maxTokens: 100) with { IgnoreEos = true, Logprobs = 20, Sampling = new() { Temperature = 2, Seed = 1, LogitBias = NoBroken } };
        var tokens = rig.Complete(request).Choices[0].Tokens;
        tokens.Count.ShouldBe(100);
        tokens.ShouldAllBe(token => token.Id < FakeText.Size && token.TopLogprobs.All(top => top.Id < FakeText.Size));
        // the padding takes no probability
        Math.Exp(tokens[0].TopLogprobs[0].Logprob).ShouldBeGreaterThan(1.0 / FakeText.Size);
    }

    [Fact]
    public void Lists_that_the_caller_changes_afterwards_do_not_matter()
    {
        var rig = new LoopRig();
        var (prompt, stop) = (new List<int> { 1, 2 }, new List<string> { "zz" });
        var state = rig.Submit(Forced(3, maxTokens: 4) with { PromptTokens = prompt, Stop = stop, Echo = true });
        prompt.Clear();
        stop[0] = "d";
        rig.Run();
        LoopRig.Result(state).Choices[0].Text.ShouldBe("bcdddd");
    }

    internal static readonly IReadOnlyDictionary<int, double> NoBroken =
        new Dictionary<int, double> { [FakeText.Broken] = -100 };

    internal static void Same(GeneratedChoice one, GeneratedChoice other)
    {
        one.Text.ShouldBe(other.Text);
        (one.Finish, one.Error?.Message).ShouldBe((other.Finish, other.Error?.Message));
        SameTokens(one.Tokens, other.Tokens);
        SameTokens(one.PromptTokens, other.PromptTokens);
    }

    private static void SameTokens(IReadOnlyList<GeneratedToken> one, IReadOnlyList<GeneratedToken> other)
    {
        one.Count.ShouldBe(other.Count);
        for (var index = 0; index < one.Count; index++)
        {
            (one[index].Id, one[index].TextOffset, one[index].Logprob, one[index].IsEnd)
                .ShouldBe((other[index].Id, other[index].TextOffset, other[index].Logprob, other[index].IsEnd));
            one[index].TopLogprobs.Select(top => (top.Id, top.Logprob)).ShouldBe(other[index].TopLogprobs.Select(top => (top.Id, top.Logprob)));
        }
    }

    private static List<GenerationEvent> Run(LoopRig rig, GenerationRequest request)
    {
        var state = rig.Submit(request);
        rig.Run();
        return LoopRig.Events(state);
    }
}
