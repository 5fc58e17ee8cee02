using Stoker.Engine.Kernels;
using Stoker.Engine.KvCache;
using Stoker.Engine.Models;
using Stoker.Engine.Scheduling;
using Stoker.Engine.Speculation;
using Stoker.Engine.Tests.Scheduling;
using Stoker.Engine.Tokenization;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Speculation;

/// <summary>A step loop on the story model with its EAGLE head, turned by hand; what was drafted behind which text is on record.</summary>
internal sealed class EagleRig : IDisposable
{
    private static readonly Tokenizer Tokens = Tokenizer.Load(TestData.Model("story-3m"));

    private readonly ThreadTeam _team = new(1);
    private readonly DecoderModel _target;
    private readonly EagleHead _head;
    private readonly KvStore _kv;
    private readonly DoorFigures _door;
    private int _group;

    public EagleRig(int blocks = 200, int maxSequences = 8, int stepTokens = 100, bool prefixes = false, int? headContext = null)
    {
        var kernels = KernelSets.Choose();
        _target = LanguageModel.Load(TestData.Model("story-3m"), kernels, _team);
        _target.KeepStates();
        using var shorter = headContext is null ? null : TemporaryFolder.CopyOf(TestData.Model("story-3m-eagle"));
        shorter?.SetJson("config.json", "max_position_embeddings", headContext);
        _head = EagleHead.Load(shorter?.Path ?? TestData.Model("story-3m-eagle"), _target, kernels, _team);
        _kv = new(_target.Shape, blocks, KvFormat.Bf16);
        _door = new(Tokens.VocabularySize, _target.Shape.ContextLength, blocks, KvStore.BlockSize, SamplingOptions.ApiDefaults);
        var limits = new StepLimits(maxSequences, stepTokens, KvStore.BlockSize) { DraftRows = 4 * maxSequences };
        var options = new EngineOptions { MaxSequences = maxSequences, StepTokens = stepTokens, PrefixCache = prefixes, Speculation = new() { Adaptive = false } };
        Loop = new(_target, _kv, limits, new TokenizerText(Tokens), Counters, options, drafter: pool =>
            new Recorder(this, new(_head, new(_head.Shape, pool.Count, KvFormat.Bf16), pool, limits, Tokens.VocabularySize, TimeProvider.System)));
    }

    public StepLoop Loop { get; }

    public EngineCounters Counters { get; } = new();

    public EngineStatistics Statistics => Counters.Snapshot(Loop.Scheduler.Pool.Count, TimeSpan.Zero, "", 1);

    /// <summary>By text; null: nothing is recorded.</summary>
    public Dictionary<string, int[]>? Drafts { get; set; } = [];

    /// <summary>Asks the drafter for nothing, as adaptive speculation does for a while.</summary>
    public bool IsPaused { get; set; }

    /// <summary>The drafter is told that it has not been asked for long.</summary>
    public bool Sleeps { get; set; }

    /// <summary>Of the target, for the head.</summary>
    public bool HasStates
    {
        get
        {
            try
            {
                return _target.State(0).Length > 0;
            }
            catch (InvalidOperationException)
            {
                return false;
            }
        }
    }

    /// <summary>By the drafter and its head, in bytes.</summary>
    public long Allocated { get; private set; }

    /// <summary>Called before the drafter hears what was computed.</summary>
    public Action OnComputed { get; set; } = () => { };

    public RequestState Submit(GenerationRequest request)
    {
        var state = new RequestState(request, AdmissionRules.Check(request, _door), ++_group, 0, [2041, 2043], 1000);
        Loop.Add(state);
        return state;
    }

    public List<GenerationResult> Complete(params IEnumerable<GenerationRequest> requests)
    {
        var states = requests.Select(Submit).ToList();
        while (Loop.Step())
        {
            Loop.Scheduler.CheckIntegrity();
        }

        return states.ConvertAll(LoopRig.Result);
    }

    public void Dispose()
    {
        Loop.Dispose();
        _kv.Dispose();
        _head.Dispose();
        _target.Dispose();
        _team.Dispose();
    }

    private sealed class Recorder(EagleRig rig, EagleDrafter inner) : IDrafter
    {
        public DraftKind Kind => inner.Kind;

        public RowCost PassCost => inner.PassCost;

        public bool IsPaused
        {
            get => inner.IsPaused;
            set => inner.IsPaused = value || rig.Sleeps;
        }

        public int Room(Sequence sequence) => inner.Room(sequence);

        public void Propose(IReadOnlyList<Sequence> sequences)
        {
            if (rig.IsPaused) return;
            var before = GC.GetAllocatedBytesForCurrentThread();
            inner.Propose(sequences);
            rig.Allocated += GC.GetAllocatedBytesForCurrentThread() - before;
            if (rig.Drafts is null) return;
            foreach (var sequence in sequences)
            {
                var text = string.Join(' ', sequence.Tokens.ToArray());
                var drafts = sequence.Drafts.Tokens.ToArray();
                if (rig.Drafts.TryGetValue(text, out var known) && known.Length > drafts.Length) continue;
                rig.Drafts[text] = drafts;
            }
        }

        public void Computed(in PlannedRows rows, int final)
        {
            rig.OnComputed();
            var before = GC.GetAllocatedBytesForCurrentThread();
            inner.Computed(rows, final);
            rig.Allocated += GC.GetAllocatedBytesForCurrentThread() - before;
        }

        public bool Calibrate(BlockTable table, int rows) => inner.Calibrate(table, rows);

        public void Dispose() => inner.Dispose();
    }
}
