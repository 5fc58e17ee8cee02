using Stoker.Engine.Kernels;
using Stoker.Engine.KvCache;
using Stoker.Engine.Scheduling;

namespace Stoker.Engine.Tests.Scheduling;

public sealed class SamplingPhaseTests
{
    private const int Rows = 12, Vocabulary = 30_000;

    [Fact]
    public void Draws_are_the_same_on_any_number_of_threads()
    {
        var logits = Logits(new(3));
        var alone = Draw(logits, threads: 1);
        alone.Select(draw => draw.Token).Distinct().Count().ShouldBeGreaterThan(1);
        alone.Count(draw => draw.Values is not null).ShouldBe(Rows / 2);
        foreach (var threads in new[] { 2, 3, 16 })
        {
            var shared = Draw(logits, threads);
            for (var row = 0; row < Rows; row++)
            {
                shared[row].Token.ShouldBe(alone[row].Token);
                shared[row].Values?.Logprob.ShouldBe(alone[row].Values!.Logprob);
                shared[row].Values?.Top.ShouldBe(alone[row].Values!.Top);
            }
        }
    }

    [Fact]
    public void A_row_that_cannot_be_drawn_from_is_that_rows_error()
    {
        var logits = Logits(new(4));
        logits.AsSpan(5 * Vocabulary, Vocabulary).Fill(float.NaN);
        var draws = Draw(logits, threads: 2);
        draws[5].Error.ShouldBeOfType<InvalidOperationException>();
        for (var row = 0; row < Rows; row++) (draws[row].Error is null).ShouldBe(row != 5);
    }

    [Theory]
    [InlineData(32, 2048, 2, 1)] // little work: a wake-up would cost more
    [InlineData(32, 128_000, 2, 2)]
    [InlineData(32, 128_000, 64, 8)] // scratch memory has a limit
    [InlineData(4, 128_000, 64, 4)] // no more threads than rows
    public void Threads_are_as_many_as_the_work_is_worth(int maxSequences, int vocabulary, int team, int expected) =>
        SamplingPhase.ThreadCount(maxSequences, vocabulary, team).ShouldBe(expected);

    private static Draw[] Draw(float[] logits, int threads)
    {
        using var team = new ThreadTeam(threads);
        var limits = new StepLimits(Rows, 64, 16) { Samplers = SamplingPhase.ThreadCount(Rows, Vocabulary, threads) };
        var phase = new SamplingPhase(limits, Vocabulary, team);
        for (var row = 0; row < Rows; row++) phase.Add(Sequence(row), row);
        phase.Run(logits, Vocabulary);
        return [.. phase.Draws];
    }

    private static Sequence Sequence(int row)
    {
        var request = new GenerationRequest
        {
            PromptTokens = [1, 2, 3],
            MaxTokens = 5,
            Logprobs = row % 2 == 0 ? 5 : null,
            Sampling = new() { Seed = row, Temperature = row % 3 * 0.5, TopP = row % 4 == 0 ? 0.9 : 1 },
        };
        var door = new DoorFigures(Vocabulary, 1000, 10, 16, SamplingOptions.ApiDefaults);
        var state = new RequestState(request, AdmissionRules.Check(request, door), row, 0, [], 10);
        state.Prepare(row, new FakeText(), new BlockPool(10), 1);
        return state.Choices[0];
    }

    private static float[] Logits(Random random)
    {
        var logits = new float[Rows * Vocabulary];
        for (var index = 0; index < logits.Length; index++) logits[index] = (float)(random.NextDouble() * 20);
        return logits;
    }
}
