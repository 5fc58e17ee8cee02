namespace Stoker.Engine.Tests.Scheduling;

public sealed class EchoTests
{
    [Fact]
    public void The_prompt_comes_first_as_one_event_of_each_choice()
    {
        var rig = new LoopRig();
        var state = rig.Submit(StepLoopTests.Ask("hello", maxTokens: 3) with { Echo = true, Choices = 2 });
        rig.Run();
        foreach (var choice in LoopRig.Events(state).GroupBy(item => item.Choice))
        {
            choice.First().ShouldSatisfyAllConditions(item => item.IsPrompt.ShouldBeTrue(), item => item.Text.ShouldBe("hello"));
            choice.Skip(1).ShouldAllBe(item => !item.IsPrompt);
        }
    }

    [Fact]
    public void Echo_last_gives_the_end_of_the_prompt()
    {
        new LoopRig().Complete(Echo("hello", maxTokens: 0) with { Echo = false, EchoLast = 2 }).Choices[0].Text.ShouldBe("lo");
        new LoopRig().Complete(Echo("hello", maxTokens: 0) with { Echo = false, EchoLast = 9 }).Choices[0].Text.ShouldBe("hello");
        new LoopRig().Complete(Echo("hello", maxTokens: 0) with { Echo = false, EchoLast = 0 }).Choices[0].PromptTokens.ShouldBeEmpty();
    }

    [Fact]
    public void Offsets_count_code_points_from_the_beginning_of_the_echo()
    {
        var request = Echo("ab", maxTokens: 2) with
        {
            PromptTokens = [0, FakeText.Emoji, FakeText.Emoji + 1, FakeText.Emoji + 2, FakeText.Emoji + 3, 1],
            Sampling = new() { Temperature = 0, LogitBias = new Dictionary<int, double> { [2] = 100 } },
        };
        var choice = new LoopRig().Complete(request).Choices[0];
        choice.Text.ShouldBe("a😀bcc");
        choice.PromptTokens.Concat(choice.Tokens).Select(token => token.TextOffset).ShouldBe([0, 1, 1, 1, 1, 2, 3, 4]);
    }

    [Fact]
    public void Prompt_logprobs_are_what_generation_would_have_reported()
    {
        // Generate with values, then echo prompt and answer as one prompt: the same values at the same places.
        var request = StepLoopTests.Ask("tale", maxTokens: 20) with { IgnoreEos = true, Logprobs = 3, Sampling = new() { Temperature = 0, LogitBias = StepLoopTests.NoBroken } };
        var generated = new LoopRig().Complete(request).Choices[0];
        int[] whole = [.. request.PromptTokens, .. generated.Tokens.Select(token => token.Id)];
        var echoed = new LoopRig(stepTokens: 8).Complete(request with { PromptTokens = whole, MaxTokens = 0, Echo = true }).Choices[0];
        echoed.PromptTokens[0].Logprob.ShouldBeNull();
        for (var index = 0; index < 20; index++)
        {
            var (one, other) = (echoed.PromptTokens[request.PromptTokens.Count + index], generated.Tokens[index]);
            one.Logprob.ShouldBe(other.Logprob);
            one.TopLogprobs.Select(top => (top.Id, top.Logprob)).ShouldBe(other.TopLogprobs.Select(top => (top.Id, top.Logprob)));
        }
    }

    [Fact]
    public void Only_the_rows_that_are_asked_for_have_values()
    {
        var choice = new LoopRig().Complete(Echo("storyteller", maxTokens: 1) with { Echo = false, EchoLast = 3, Logprobs = 2 }).Choices[0];
        choice.PromptTokens.Count.ShouldBe(3);
        choice.PromptTokens.ShouldAllBe(token => token.Logprob != null && token.TopLogprobs.Count == 2);
        new LoopRig().Complete(Echo("a", maxTokens: 1) with { Logprobs = 2 }).Choices[0].PromptTokens.Single().Logprob.ShouldBeNull();
        new LoopRig().Complete(Echo("ab", maxTokens: 1)).Choices[0].PromptTokens.ShouldAllBe(token => token.Logprob == null);
    }

    [Fact]
    public void All_choices_share_the_tokens_of_the_echo()
    {
        var rig = new LoopRig();
        var state = rig.Submit(Echo("hello", maxTokens: 1) with { Choices = 3, Logprobs = 1 });
        rig.Run();
        var echoes = LoopRig.Events(state).Where(item => item.IsPrompt).ToList();
        echoes.Count.ShouldBe(3);
        echoes.ShouldAllBe(item => ReferenceEquals(item.Tokens.Shared, echoes[0].Tokens.Shared) && ReferenceEquals(item.Text, echoes[0].Text));
        echoes[0].Tokens.Skip(1).ShouldAllBe(token => token.Logprob != null);
    }

    [Fact]
    public void A_reader_too_slow_for_the_echo_itself_is_cancelled_and_ends_once()
    {
        // Room for two unread events: the first choice's echo and end take it.
        var rig = new LoopRig(options: new() { MaxUnreadEvents = 1 });
        var state = rig.Submit(Echo("hello", maxTokens: 0) with { Choices = 2 });
        rig.Run();
        var events = LoopRig.Events(state);
        events.Select(item => item.Finish).ShouldBe([null, FinishReason.Length, FinishReason.Cancelled]);
        rig.Statistics.Finished.Values.Sum().ShouldBe(2);
        state.Events.Ended.IsCompletedSuccessfully.ShouldBeTrue();
        state.Unfinished.ShouldBe(0);
    }

    private static GenerationRequest Echo(string prompt, int maxTokens) =>
        StepLoopTests.Ask(prompt, maxTokens) with { Echo = true };
}
