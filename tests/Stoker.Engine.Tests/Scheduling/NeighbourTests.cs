namespace Stoker.Engine.Tests.Scheduling;

/// <summary>A result never depends on its neighbours, on how prompts are cut, or on preemption.</summary>
public sealed class NeighbourTests
{
    [Theory]
    [InlineData(8, 8, 200)] // alone in chunks of 8 rows, batched
    [InlineData(2, 3, 200)] // hardly any room in a step
    [InlineData(8, 32, 200)]
    [InlineData(8, 32, 6)] // blocks for two or three of them: preemption all the time
    [InlineData(4, 5, 3)] // the longest of them just fits
    public void Every_answer_equals_the_one_given_alone(int maxSequences, int stepTokens, int blocks)
    {
        var requests = Enumerable.Range(0, 20).Select(Request).ToList();
        var rig = new LoopRig(blocks, maxSequences, stepTokens);
        var together = requests.Select(rig.Submit).ToList();
        rig.Run();
        for (var index = 0; index < requests.Count; index++)
        {
            var alone = new LoopRig().Complete(requests[index]);
            var result = LoopRig.Result(together[index]);
            for (var choice = 0; choice < alone.Choices.Count; choice++) StepLoopTests.Same(result.Choices[choice], alone.Choices[choice]);
        }
        if (blocks < 20) rig.Statistics.Preemptions.ShouldBePositive();
        else rig.Statistics.Preemptions.ShouldBe(0);
    }

    [Fact]
    public void Preemptions_are_counted_and_bounded_for_each_request()
    {
        var rig = new LoopRig(blocks: 9, maxSequences: 8);
        var states = Enumerable.Range(0, 12).Select(index => rig.Submit(Request(index) with { Choices = 1, MaxTokens = 90, IgnoreEos = true })).ToList();
        rig.Run();
        var usages = states.Select(state => LoopRig.Result(state).Usage).ToList();
        usages.Sum(usage => usage.Preemptions).ShouldBe((int)rig.Statistics.Preemptions);
        usages.ShouldAllBe(usage => usage.Preemptions <= 3);
        usages[0].Preemptions.ShouldBe(0); // the oldest never gives way
        rig.Statistics.Preemptions.ShouldBePositive();
    }

    private static GenerationRequest Request(int index) =>
        StepLoopTests.Ask(new string((char)('a' + index), 1 + (7 * index % 45)), maxTokens: 10 + (index * 5 % 40), seed: index) with
        {
            Choices = index % 5 == 4 ? 3 : 1,
            Logprobs = index % 3 == 0 ? 2 : null,
            Echo = index % 4 == 0,
            Stop = index % 2 == 0 ? ["ab", "q"] : [],
            Sampling = new()
            {
                Seed = index,
                Temperature = index % 6 == 0 ? 0 : 0.8,
                TopK = index % 3 * 5,
                RepetitionPenalty = index % 4 == 1 ? 1.3 : 1,
                FrequencyPenalty = index % 4 == 2 ? 0.5 : 0,
                LogitBias = StepLoopTests.NoBroken,
            },
        };
}
