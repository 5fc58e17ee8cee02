using Stoker.Engine.Kernels;
using Stoker.Engine.Native;
using Stoker.Testing;

namespace Stoker.Engine.Tests;

public sealed class PinnedEngineTests
{
    private static readonly EngineOptions Small = new() { Threads = 1, MaxSequences = 1, ContextLength = 64 };

    [Fact]
    public async Task The_step_loop_is_bound_with_its_team()
    {
        Assert.SkipWhen(ProcessorAffinity.Refusal() is not null, $"threads cannot be bound here: {ProcessorAffinity.Refusal()}");
        await using var engine = InferenceEngine.Open(TestData.Model("story-3m"), Small with { PinThreads = ThreadPinning.On });
        engine.Statistics.ThreadsPinned.ShouldBeTrue();
        await using var answer = engine.Submit(new() { PromptTokens = [1, 2, 3], MaxTokens = 2, IgnoreEos = true });
        await answer.CompleteAsync(TestContext.Current.CancellationToken); // the loop runs by now
        var core = $"{ProcessorAllowance.Read().Cores[0]}";
        LoopMasks().ShouldContain(core);
    }

    [Fact]
    public async Task Without_being_asked_the_library_binds_nothing()
    {
        await using var engine = InferenceEngine.Open(TestData.Model("story-3m"), Small);
        engine.Statistics.ThreadsPinned.ShouldBeFalse();
    }

    [Fact]
    public void More_bound_threads_than_cores_stop_the_engine_from_opening()
    {
        var options = Small with { Threads = 1024, PinThreads = ThreadPinning.On };
        Should.Throw<ArgumentException>(() => InferenceEngine.Open(TestData.Model("story-3m"), options)).Message.ShouldContain("PinThreads");
        options = Small with { PinThreads = (ThreadPinning)7 };
        Should.Throw<ArgumentException>(() => InferenceEngine.Open(TestData.Model("story-3m"), options)).Message.ShouldContain("PinThreads must be off, auto or on, was 7");
    }

    [Fact]
    public void The_read_bandwidth_is_measured_with_the_plan_s_threads()
    {
        // No figure to hold it to on a machine that others use; that it is one, and ends, can be told.
        if (ReadBandwidth.Measure(new(2, null)) is { } bytesPerSecond) bytesPerSecond.ShouldBeInRange(1e6, 1e13);
    }

    private static IEnumerable<string> LoopMasks() =>
        from thread in Directory.EnumerateDirectories("/proc/self/task")
        let status = Lines(Path.Combine(thread, "status"))
        where status.Any(line => line == "Name:\tstoker-engine")
        from line in status
        where line.StartsWith("Cpus_allowed_list:", StringComparison.Ordinal)
        select line.Split(':')[1].Trim();

    /// <summary>A thread of another test may end meanwhile.</summary>
    private static string[] Lines(string path)
    {
        try
        {
            return File.ReadAllLines(path);
        }
        catch (IOException)
        {
            return [];
        }
    }
}
