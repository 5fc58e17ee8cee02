using Stoker.Engine.Addons;
using Stoker.Engine.KvCache;
using Stoker.Engine.Scheduling;
using Stoker.Engine.Speculation;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Scheduling;

/// <summary>A step loop on the fake model, turned by hand on the test's own thread.</summary>
internal sealed class LoopRig
{
    private readonly EngineOptions _options;
    private readonly DoorFigures _door;
    private int _group;

    public LoopRig(
        int blocks = 64, int maxSequences = 8, int stepTokens = 32, EngineOptions? options = null, FakeModel? model = null, BlockHash? hash = null,
        IDrafter? drafter = null, int draftTokens = 4, Func<BlockPool, IDrafter>? newDrafter = null, bool predicts = false, bool adaptive = false)
    {
        if (drafter is not null) newDrafter = _ => drafter;
        _options = (options ?? new()) with
        {
            MaxSequences = maxSequences,
            StepTokens = stepTokens,
            Time = Time,
            Speculation = new() { DraftTokens = draftTokens, Adaptive = adaptive },
        };
        Model = model ?? new();
        _door = new(FakeText.Size, Model.Shape.ContextLength, blocks, KvStore.BlockSize, SamplingOptions.ApiDefaults);
        var limits = new StepLimits(maxSequences, stepTokens, KvStore.BlockSize, EchoRows: 8)
        {
            StepMicroseconds = _options.StepTime.TotalMicroseconds,
            DecodeShare = _options.LongPrompt?.DecodeShare ?? 0,
            PrefixShare = _options.LongPrompt?.PrefixShare ?? 0,
            DraftRows = newDrafter is null && !predicts ? 0 : maxSequences * draftTokens,
        };
        Loop = new(Model, new(Model.Shape, blocks, KvFormat.F32), limits, Text, Counters, _options, hash: hash, drafter: newDrafter);
    }

    public ManualTime Time { get; } = new(new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero));

    public FakeModel Model { get; }

    public FakeText Text { get; } = new();

    public EngineCounters Counters { get; } = new();

    public StepLoop Loop { get; }

    public EngineStatistics Statistics => Counters.Snapshot(Loop.Scheduler.Pool.Count, TimeSpan.Zero, "fake", 1);

    public RequestState Submit(GenerationRequest request) => Submit(request, null);

    public RequestState Submit(GenerationRequest request, AddonUse? addon)
    {
        var state = new RequestState(
            request, AdmissionRules.Check(request, _door), ++_group, Time.GetTimestamp(), [FakeText.End, FakeText.OtherEnd], _options.MaxUnreadEvents, addon: addon);
        Loop.Add(state);
        return state;
    }

    public void Run(int maxSteps = 10_000)
    {
        for (var step = 0; Loop.Step(); step++)
        {
            step.ShouldBeLessThan(maxSteps, "the loop does not end");
            Loop.Scheduler.CheckIntegrity();
        }
        Loop.Scheduler.CheckIntegrity();
        Loop.Scheduler.Pool.UsedCount.ShouldBe(0);
    }

    public GenerationResult Complete(GenerationRequest request)
    {
        var state = Submit(request);
        Run();
        return Result(state);
    }

    public static List<GenerationEvent> Events(RequestState state)
    {
        var events = new List<GenerationEvent>();
        while (state.Events.Reader.TryRead(out var item)) events.Add(item);
        return events;
    }

    public static GenerationResult Result(RequestState state)
    {
        var events = Events(state);
        var choices = Enumerable.Range(0, state.Source.Choices).Select(choice => events.Where(item => item.Choice == choice).ToList());
        return new([.. choices.Select(Choice)], events[^1].Usage.ShouldNotBeNull());
    }

    private static GeneratedChoice Choice(List<GenerationEvent> events) => new(
        string.Concat(events.Select(item => item.Text)),
        [.. events.Where(item => item.IsPrompt).SelectMany(item => item.Tokens)],
        [.. events.Where(item => !item.IsPrompt).SelectMany(item => item.Tokens)],
        events[^1].Finish.ShouldNotBeNull(),
        events[^1].Error);
}
