using Stoker.Engine.KvCache;
using Stoker.Engine.Scheduling;
using Stoker.Engine.Speculation;
using Stoker.Engine.Tests.Scheduling;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Speculation;

/// <summary>
/// The whole loop on a clock that its model and its drafter move, so that time is exact: speculation gains where there is something to gain, and costs
/// next to nothing where there is not.
/// </summary>
public sealed class AdaptiveTests
{
    private const int Tokens = 100, Rounds = 3;

    public static TheoryData<int, double, double> Loads
    {
        get
        {
            var loads = new TheoryData<int, double, double>();
            foreach (var batch in new[] { 1, 2, 4, 8, 16, 32 })
            {
                foreach (var acceptance in new[] { 0, 0.2, 0.4, 0.6, 0.8 })
                {
                    foreach (var passShare in new[] { 0.02, 0.08, 0.4 }) loads.Add(batch, acceptance, passShare);
                }
            }

            return loads;
        }
    }

    [Theory]
    [MemberData(nameof(Loads))]
    public void Never_slower_than_without_by_more_than_a_twentieth(int batch, double acceptance, double passShare) =>
        (Time(batch, acceptance, passShare) / Time(batch, null, 0)).ShouldBeLessThan(1.05);

    [Theory]
    [InlineData(0.6, 1.45)]
    [InlineData(0.8, 1.9)]
    public void A_lone_sequence_with_good_drafts_is_quicker(double acceptance, double times) =>
        (Time(1, null, 0) / Time(1, acceptance, 0.08)).ShouldBeGreaterThan(times);

    [Fact]
    public void Drafts_that_become_good_are_found_out()
    {
        var drafter = new TimedDrafter { PassShare = 0.08 };
        var rig = Rig(1, drafter);
        drafter.Acceptance = 0;
        rig.Complete(Request(0));
        var before = rig.Statistics.Speculation.Accepted;
        drafter.Acceptance = 1;
        for (var round = 0; round < 3; round++) rig.Complete(Request(0));
        (rig.Statistics.Speculation.Accepted - before).ShouldBeGreaterThan(Tokens);
    }

    /// <summary>Until all sequences of all rounds are done, the first included, in which the costs are learned.</summary>
    private static double Time(int batch, double? acceptance, double passShare)
    {
        var drafter = acceptance is { } good ? new TimedDrafter { Acceptance = good, PassShare = passShare } : null;
        var rig = Rig(batch, drafter);
        var start = rig.Time.GetTimestamp();
        for (var round = 0; round < Rounds; round++)
        {
            for (var index = 0; index < batch; index++) rig.Submit(Request(index));
            rig.Run();
        }

        return rig.Time.GetElapsedTime(start).TotalMilliseconds;
    }

    private static LoopRig Rig(int batch, TimedDrafter? drafter)
    {
        var rig = new LoopRig(blocks: 6 * batch, maxSequences: batch, stepTokens: 512, newDrafter: drafter is null ? null : _ => drafter, adaptive: true);
        rig.Model.OnForward = rows => rig.Time.Advance(TimeSpan.FromMilliseconds(Milliseconds(rows.RowCount)));
        if (drafter is null) return rig;
        drafter.Clock = rig.Time;
        for (var index = 0; index < batch; index++) drafter.Answers[index] = Answer(index);
        while (rig.Loop.Calibrate())
        {
        }

        return rig;
    }

    /// <summary>As the engine has it on a model that reads its weights from memory: eight rows in hardly more time than one, then tile by tile.</summary>
    private static double Milliseconds(int rows) => 50 * (1 + (0.035 * (rows - 1)) + (0.05 * ((rows - 1) / 8)));

    private static int[] Answer(int index)
    {
        lock (Known)
        {
            if (!Known.TryGetValue(index, out var answer))
            {
                Known[index] = answer = [.. new LoopRig().Complete(Request(index)).Choices[0].Tokens.Select(token => token.Id)];
            }

            return answer;
        }
    }

    private static readonly Dictionary<int, int[]> Known = [];

    private static GenerationRequest Request(int index) => new()
    {
        PromptTokens = [index % 26, index / 26, 1],
        MaxTokens = Tokens,
        IgnoreEos = true,
        Sampling = new() { Seed = index, LogitBias = StepLoopTests.NoBroken },
    };

    /// <summary>Right with the given probability, and each pass takes its time.</summary>
    private sealed class TimedDrafter : IDrafter
    {
        private readonly Random _random = new(5);

        public DraftKind Kind => DraftKind.Model;

        public RowCost PassCost { get; } = new();

        public ManualTime? Clock { get; set; }

        public double Acceptance { get; set; }

        /// <summary>Of a step of the target with one row.</summary>
        public double PassShare { get; init; }

        public Dictionary<int, int[]> Answers { get; } = [];

        public void Propose(IReadOnlyList<Sequence> sequences)
        {
            List<Sequence> drafting = [.. sequences];
            while (drafting.Count > 0)
            {
                var pass = Pass(drafting.Count);
                Clock!.Advance(TimeSpan.FromMilliseconds(pass));
                PassCost.Observe(drafting.Count, pass * 1000);
                drafting.RemoveAll(sequence => !Add(sequence));
            }
        }

        public void Computed(in PlannedRows rows, int final)
        {
        }

        public bool Calibrate(BlockTable table, int rows)
        {
            Clock!.Advance(TimeSpan.FromMilliseconds(Pass(rows)));
            PassCost.Calibrate(rows, Pass(rows) * 1000);
            return true;
        }

        public void Dispose()
        {
        }

        private double Pass(int rows) => Milliseconds(1) * PassShare * (1 + (0.03 * (rows - 1)));

        private bool Add(Sequence sequence)
        {
            var answer = Answers[sequence.Tokens[0] + (26 * sequence.Tokens[1])];
            var at = sequence.Generated + sequence.Drafts.Count;
            var token = at < answer.Length ? answer[at] : 0;
            return sequence.Drafts.Add(_random.NextDouble() < Acceptance ? token : (token + 1) % FakeText.Broken);
        }
    }
}
