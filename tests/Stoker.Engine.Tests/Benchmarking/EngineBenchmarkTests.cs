using Stoker.Engine.Benchmarking;
using Stoker.Engine.Tests.Scheduling;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Benchmarking;

public sealed class EngineBenchmarkTests
{
    private static readonly BenchmarkOptions Short = new() { PrefillTokens = 40, Sequences = [1, 3], GeneratedTokens = 4, Runs = 1 };

    [Fact]
    public async Task EveryRowHasItsSpeedAndTheMachinesLimit()
    {
        var seen = new Rows();

        var report = await EngineBenchmark.RunAsync(
            TestData.Model("story-3m"), new() { Threads = 1, Precision = Precision.Int8 }, Short, seen, TestContext.Current.CancellationToken);

        Assert.Equal(["prefill 40", "decode x1", "decode x3"], report.Rows.Select(row => row.Name));
        Assert.Equal(report.Rows, seen);
        Assert.Equal("int8", report.Precision);
        Assert.Equal(1, report.Threads);
        Assert.All(report.Rows, row => Assert.True(row is { Median: > 0, Limit: > 0, Share: > 0, ReadBytesPerSecond: > 0, OperationsPerSecond: > 0 }));
    }

    [Fact]
    public async Task TheWeightsOfAStepAreThoseOfTheModel()
    {
        var report = await EngineBenchmark.RunAsync(
            TestData.Model("story-3m"), new() { Threads = 1 }, Short with { Sequences = [1] }, cancellation: TestContext.Current.CancellationToken);

        Assert.Equal((3_148_608 - (15 * 192)) * 2, report.WeightBytes); // all parameters but the 15 norms, in bf16
    }

    [Fact]
    public async Task APromptLongerThanTheContextIsLowered()
    {
        var report = await EngineBenchmark.RunAsync(
            TestData.Model("story-3m"), new() { Threads = 1, ContextLength = 24 }, Short, cancellation: TestContext.Current.CancellationToken);

        Assert.Equal("prefill 23", report.Rows[0].Name);
    }

    /// <summary>Else a batch's first answers would be counted from before the batch was whole.</summary>
    [Fact]
    public void PromptsOfARunAreComputedTogether()
    {
        var used = EngineBenchmark.Settings(new() { StepTime = TimeSpan.FromMilliseconds(1), Threads = 3 }, new() { Sequences = [1, 600] });

        Assert.Equal(TimeSpan.Zero, used.StepTime); // no bound
        Assert.False(used.PrefixCache);
        Assert.Equal((600, 600, 600, 3), (used.MaxSequences, used.StepTokens, used.MaxQueuedRequests, used.Threads));
    }

    [Fact]
    public async Task SequencesThatAreMeasuredTogetherBeginAndEndInTheSameSteps()
    {
        var batches = new List<int>();
        const int Steps = 5; // behind them the engine measures passes of its own
        var model = new FakeModel { OnForward = batch => { if (batches.Count < Steps) batches.Add(batch.LogitRowCount); } };
        await using var engine = new InferenceEngine(new(model, new FakeText(), new(SamplingOptions.Unset, [])), new() { MaxQueuedRequests = 16, StepTime = TimeSpan.Zero });
        var requests = Enumerable.Range(0, 16).Select(first => new GenerationRequest { PromptTokens = [first, 1, 2], MaxTokens = Steps, IgnoreEos = true, Sampling = new() { Temperature = 0, LogitBias = Scheduling.StepLoopTests.NoBroken } }).ToList(); // a text that breaks would end its request

        await EngineBenchmark.DecodeSecondsAsync(engine, requests, TestContext.Current.CancellationToken);

        Assert.Equal([16, 16, 16, 16, 16], batches);
    }

    [Fact]
    public async Task SequencesThatTheCacheCannotHoldTogetherAreRefusedWithTheFigures()
    {
        var options = Short with { Sequences = [400], GeneratedTokens = 200 };

        var error = await Assert.ThrowsAsync<ArgumentException>(() => EngineBenchmark.RunAsync(
            TestData.Model("story-3m"), new() { Threads = 1, MemoryBudgetBytes = 50_000_000 }, options, cancellation: TestContext.Current.CancellationToken));

        Assert.Contains("400 sequences of ", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, 4, 1, "PrefillTokens")]
    [InlineData(8, 1, 1, "GeneratedTokens")]
    [InlineData(8, 4, 0, "Runs")]
    public async Task AValueOutOfRangeIsNamed(int prefill, int generated, int runs, string name)
    {
        var options = new BenchmarkOptions { PrefillTokens = prefill, GeneratedTokens = generated, Runs = runs };

        var error = await Assert.ThrowsAsync<ArgumentException>(() => EngineBenchmark.RunAsync(
            TestData.Model("story-3m"), options: options, cancellation: TestContext.Current.CancellationToken));

        Assert.Contains(name, error.Message, StringComparison.Ordinal);
    }

    private sealed class Rows : List<BenchmarkRow>, IProgress<BenchmarkRow>
    {
        public void Report(BenchmarkRow value) => Add(value);
    }
}
