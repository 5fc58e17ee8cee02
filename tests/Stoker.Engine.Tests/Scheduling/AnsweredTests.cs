namespace Stoker.Engine.Tests.Scheduling;

/// <summary>An answer that was cut off after any of its events goes on elsewhere as if nothing had happened.</summary>
public sealed class AnsweredTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void After_every_event_the_rest_is_the_same(int seed)
    {
        var random = new Random(seed);
        for (var round = 0; round < 60; round++)
        {
            var request = Any(random, round);
            var whole = Events(new(), request);
            foreach (var (cut, events) in GoneOn.Cuts(request, whole))
            {
                // another engine, with other work beside it and prompts cut elsewhere
                var rig = new LoopRig(stepTokens: random.Next(3, 40));
                rig.Submit(new() { PromptTokens = FakeText.Ids("beside"), MaxTokens = 9, Sampling = new() { Seed = 1 } });
                GoneOn.Same(Events(rig, cut), whole, events);
            }
        }
    }

    [Fact]
    public void Half_a_character_and_the_beginning_of_a_stop_string_are_kept()
    {
        var request = Endless("a") with { Sampling = Only(FakeText.Emoji, FakeText.Emoji + 1, FakeText.Emoji + 2, FakeText.Emoji + 3, 0, 1) };
        var (held, cutInside) = (0, 0);
        for (var seed = 0; seed < 40; seed++)
        {
            var seeded = request with { Sampling = request.Sampling with { Seed = seed }, Stop = ["ab", "bba"] };
            var whole = Events(new(), seeded);
            held += whole.Count(item => item.Tokens.Count > 1);
            foreach (var (cut, events) in GoneOn.Cuts(seeded, whole))
            {
                GoneOn.Same(Events(new(), cut), whole, events);
                if (events == whole.Count - 1 && whole[^1].Finish == FinishReason.Stop) cutInside++;
            }
        }

        held.ShouldBePositive();
        cutInside.ShouldBePositive();
    }

    [Fact]
    public void Tokens_whose_text_is_held_are_told_again_with_it()
    {
        // the reader never had them: they belong to no event
        var rest = Events(new(), Endless("a") with { Answered = [0, FakeText.Emoji, FakeText.Emoji + 1, FakeText.Emoji + 2], Sampling = Only(FakeText.Emoji + 3) with { Temperature = 0 } });

        rest[0].Tokens.Select(token => token.Id).ShouldBe([FakeText.Emoji, FakeText.Emoji + 1, FakeText.Emoji + 2, FakeText.Emoji + 3]);
    }

    [Fact]
    public void What_is_gone_on_with_counts_as_prompt_work_and_not_as_tokens_of_this_engine()
    {
        var rig = new LoopRig();
        Events(rig, Endless("abc") with { Answered = [0, 1, 2, 3], MaxTokens = 10 });

        var statistics = rig.Statistics;
        (statistics.GeneratedTokens, statistics.PromptTokens).ShouldBe((6, 3));
        statistics.TimeToFirstToken.Count.ShouldBe(1);
        statistics.InterTokenLatency.Count.ShouldBe(5);
    }

    [Fact]
    public void An_answer_that_is_whole_computes_nothing()
    {
        var rig = new LoopRig();
        var rest = Events(rig, Endless("a") with { Answered = [0, 1, 2], MaxTokens = 3 });

        (rest.Count, rest[0].IsKnown, rest[0].Finish, rest[0].Usage!.CompletionTokens, rig.Model.Forwards).ShouldBe((1, true, FinishReason.Length, 3, 0));
        rig.Loop.Scheduler.IsEmpty.ShouldBeTrue();
    }

    [Theory]
    [InlineData(FakeText.Size, 1, 8, "The answer so far has the token id 33; ids of this model are 0 to 32.")]
    [InlineData(-1, 1, 8, "The answer so far has the token id -1; ids of this model are 0 to 32.")]
    [InlineData(0, 2, 8, "An answer can be gone on with for one choice, 2 were asked for.")]
    [InlineData(0, 1, 1, "The answer so far has 2 tokens, more than max_tokens allows, which is 1.")]
    public void What_cannot_be_its_beginning_is_refused(int id, int choices, int maxTokens, string message) =>
        Should.Throw<RequestRefusedException>(() => new LoopRig().Submit(
            new() { PromptTokens = [0], Answered = [0, id], Choices = choices, MaxTokens = maxTokens })).Message.ShouldBe(message);

    private static List<GenerationEvent> Events(LoopRig rig, GenerationRequest request)
    {
        var state = rig.Submit(request);
        rig.Run();
        return LoopRig.Events(state);
    }

    private static GenerationRequest Endless(string prompt) =>
        new() { PromptTokens = FakeText.Ids(prompt), MaxTokens = 30, IgnoreEos = true, Sampling = new() { Seed = 1 } };

    /// <summary>Nothing but these can be drawn.</summary>
    private static SamplingOptions Only(params int[] ids) => new() { LogitBias = ids.ToDictionary(id => id, _ => 100.0) };

    private static GenerationRequest Any(Random random, int round)
    {
        var prompt = new int[random.Next(1, 40)];
        for (var index = 0; index < prompt.Length; index++) prompt[index] = random.Next(FakeText.Emoji);
        var most = random.Next(1, 40);
        string[] stops = [.. Enumerable.Range(0, random.Next(3)).Select(_ => random.Next(4) == 0 ? "😀" : $"{(char)random.Next('a', 'z' + 1)}{(random.Next(2) == 0 ? "" : "q")}")];
        return new()
        {
            PromptTokens = prompt,
            MaxTokens = most,
            MinTokens = random.Next(3) == 0 ? random.Next(most) : 0,
            IgnoreEos = random.Next(2) == 0,
            Stop = stops,
            IncludeStopText = random.Next(4) == 0,
            Logprobs = random.Next(2) == 0 ? random.Next(4) : null,
            Echo = random.Next(5) == 0,
            Sampling = new()
            {
                Temperature = round % 3 == 0 ? 0 : 0.8,
                Seed = round,
                TopP = random.Next(2) == 0 ? 0.9 : null,
                TopK = random.Next(2) == 0 ? 10 : null,
                MinP = random.Next(4) == 0 ? 0.05 : null,
                RepetitionPenalty = random.Next(2) == 0 ? 1.3 : null,
                FrequencyPenalty = random.Next(2) == 0 ? 0.4 : null,
                PresencePenalty = random.Next(2) == 0 ? 0.3 : null,
                // the token that breaks detokenisation is no part of this
                LogitBias = new Dictionary<int, double> { [FakeText.Broken] = -100 },
            },
        };
    }
}
