using Stoker.Engine.Kernels;
using Stoker.Engine.Models;
using Stoker.Engine.Sampling;
using Stoker.Engine.Tests.Scheduling;
using Stoker.Testing;

namespace Stoker.Engine.Tests;

/// <summary>Too much of everything: the answer is an error with the figures, and others notice nothing.</summary>
public sealed class EngineLimitsTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void Memory_that_the_system_refuses_is_an_error_with_the_figures()
    {
        // 2^55 bytes of KV cache: more than any address space has, so that no setting of the system grants it.
        var model = new FakeModel(contextLength: 1 << 30);
        model = new FakeModel { Shape = model.Shape with { Layers = 1 << 18 } };
        var error = Should.Throw<InsufficientMemoryException>(() => Open(model, new() { MaxSequences = 1, MemoryBudgetBytes = 1L << 60 }, 1L << 61));
        error.Message.ShouldContain("refuses");
        error.Message.ShouldContain("bytes for the KV cache");
        error.Message.ShouldContain("MemoryBudgetBytes");
    }

    [Fact]
    public void A_budget_above_the_machines_memory_is_refused_before_it_is_taken()
    {
        var model = new FakeModel(contextLength: 1 << 20);
        Should.Throw<ArgumentException>(() => Open(model, new() { MemoryBudgetBytes = 1L << 60 }, 1 << 20)).Message.ShouldContain("MemoryBudgetBytes");
    }

    /// <summary>Else the system would end the process while it packs, and nobody could say why.</summary>
    [Fact]
    public void Weights_that_do_not_fit_are_refused_before_they_are_packed()
    {
        using var team = new ThreadTeam(1);
        LoadOptions Allowing(long bytes) => new() { Precision = Precision.Int8, MemoryBytes = bytes };
        using var model = LanguageModel.Load(TestData.Model("story-3m"), KernelSets.Choose(), team, Allowing(long.MaxValue));
        using var exactly = LanguageModel.Load(TestData.Model("story-3m"), KernelSets.Choose(), team, Allowing(model.WeightBytes));
        var error = Should.Throw<ArgumentException>(
            () => LanguageModel.Load(TestData.Model("story-3m"), KernelSets.Choose(), team, Allowing(model.WeightBytes - 1))).Message;
        error.ShouldContain($"take {model.WeightBytes} bytes as int8");
        error.ShouldContain($"there are {model.WeightBytes - 1}");
        Should.Throw<ArgumentException>(() => EngineParts.Load(TestData.Model("story-3m"), new() { MemoryBudgetBytes = 4096, Packed = PackedUse.Never }))
            .Message.ShouldContain("there are 4096 by MemoryBudgetBytes");
    }

    [Fact]
    public async Task A_storm_of_cancellations_leaves_nothing_behind_and_others_as_they_are()
    {
        await using var engine = Open(new(), new() { MaxQueuedRequests = 10_000, MaxSequences = 8 });
        var neighbour = StepLoopTests.Ask("neighbour", maxTokens: 60) with { Sampling = new() { Seed = 2, LogitBias = StepLoopTests.NoBroken } };
        var alone = (await engine.CompleteAsync(neighbour)).Choices[0];
        var storms = Enumerable.Range(0, 4).Select(part => Task.Run(() => StormAsync(engine, part), Cancellation)).ToList();
        for (var round = 0; round < 5; round++) StepLoopTests.Same((await engine.CompleteAsync(neighbour)).Choices[0], alone);
        await Task.WhenAll(storms);
        var statistics = engine.Statistics;
        (statistics.KvBlocksUsed, statistics.Running, statistics.Waiting).ShouldBe((0, 0, 0));
        statistics.Finished.Values.Sum().ShouldBe((4 * 150) + 6);
        statistics.Finished[FinishReason.Error].ShouldBe(0);
    }

    /// <summary>Cancels at once, after the first event, twice, by disposal alone, and not at all.</summary>
    private static async Task StormAsync(InferenceEngine engine, int part)
    {
        for (var index = 0; index < 150; index++)
        {
            var request = StepLoopTests.Forced((part + index) % 26, maxTokens: 5 + (index % 40)) with
            {
                PromptTokens = new int[1 + (index * 7 % 150)],
            };
            await using var generation = engine.Submit(request);
            if (index % 5 == 0) generation.Cancel();
            if (index % 5 == 1)
            {
                await foreach (var _ in generation.WithCancellation(Cancellation)) break;
            }

            if (index % 5 == 2)
            {
                generation.Cancel();
                generation.Cancel();
            }

            if (index % 5 == 4) await generation.CompleteAsync(Cancellation);
        }
    }

    private static InferenceEngine Open(FakeModel model, EngineOptions options, long? availableBytes = null) =>
        new(new(model, new FakeText(), new GenerationDefaults(SamplingOptions.Unset, [FakeText.End])), options, availableBytes);
}
