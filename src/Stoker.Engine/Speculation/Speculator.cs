using Stoker.Engine.KvCache;
using Stoker.Engine.Scheduling;

namespace Stoker.Engine.Speculation;

/// <summary>Has the next step's drafts made: says which sequences get how many, and sees to their blocks.</summary>
/// <remarks>
/// A sequence that follows a prediction gets its drafts from there, any other from the engine's drafter, where there is one. How many is
/// decided by <see cref="AdaptiveDrafts"/>; not adaptively, each gets all it may have.
/// What a drafter throws ends no request: its drafts are dropped, and after <see cref="MostFaults"/> steps in a row it is left alone.
/// </remarks>
internal sealed partial class Speculator : IDisposable
{
    /// <summary>A fault that comes back each time costs time and tells nothing new.</summary>
    public const int MostFaults = 3;

    /// <summary>Drafts that predictions may have in a step, whatever the engine's own drafter is.</summary>
    public const int PredictedRows = 64;

    private const int PausedAfter = 64; // steps without a proposal

    private readonly Scheduler _scheduler;
    private readonly SpeculationOptions _options;
    private readonly TimeProvider _time;
    private readonly AdaptiveDrafts _adaptive;
    private readonly int _vocabularySize;
    private readonly EngineCounters _counters;
    private readonly List<Sequence> _able, _asked, _predicted;
    private readonly DraftCandidate[] _candidates;
    private readonly SequenceDrafts[] _owners; // of the candidates
    private AcceptanceEstimate _meanOwn = new(0.6, MeanRate), _meanPredicted = new(0.8, MeanRate);
    private IDrafter? _drafter; // null when it failed too often, too
    private int _sinceAsked; // steps
    private int _faults; // steps with one in a row
    private bool _failed; // in this step

    private Speculator(Scheduler scheduler, SpeculationOptions? options, IDrafter? drafter, int vocabularySize, EngineCounters counters, TimeProvider time)
    {
        (_scheduler, _options, _drafter, _vocabularySize, _counters, _time) = (scheduler, options ?? new(), drafter, vocabularySize, counters, time);
        _adaptive = new(drafter?.PassCost);
        var most = scheduler.Limits.MaxSequences;
        (_able, _asked, _predicted, _candidates) = (new(most), new(most), new(most), new DraftCandidate[most]);
        (_owners, _parts) = (new SequenceDrafts[most], new TurnPart[most]);
    }

    public bool HasDrafter => _drafter is not null;

    /// <param name="options">Null: the defaults, for predictions alone.</param>
    /// <param name="newDrafter">For the scheduler's pool; what it makes goes with the speculator, or with the exception that there is none.</param>
    public static Speculator New(
        Scheduler scheduler, SpeculationOptions? options, Func<BlockPool, IDrafter?>? newDrafter, int vocabularySize, EngineCounters counters, TimeProvider time)
    {
        var drafter = newDrafter?.Invoke(scheduler.Pool);
        try
        {
            return new(scheduler, options, drafter, vocabularySize, counters, time);
        }
        catch
        {
            drafter?.Dispose();
            throw;
        }
    }

    /// <summary>Before the step is planned: whoever lacks its last token alone may get drafts.</summary>
    public void Propose()
    {
        _failed = false;
        Return(); // of a step that came to nothing
        Collect();
        if (_able.Count == 0) return;
        Allot();
        Lend();
        PredictionDrafter.Propose(_predicted);
        if (_asked.Count > 0) Ask(_drafter!);
    }

    /// <summary>After verification: estimates follow, the drafter hears what was computed, and what was lent and not used goes back.</summary>
    /// <param name="begun">The turn, and</param>
    /// <param name="proposed">when drafts were there.</param>
    public void Settle(StepPlan plan, long begun, long proposed)
    {
        var asked = _asked.Count > 0;
        foreach (var rows in plan.Rows) Learn(rows);
        NoteTurn(plan, begun, proposed);
        _sinceAsked = asked ? 0 : _sinceAsked + 1;
        if (HasDrafter) Tell(plan);
        if (asked && !_failed) _faults = 0;
        Return();
    }

    public void Dispose() => _drafter?.Dispose();

    /// <summary>Sequences that can have drafts, with their kind and the most they can use.</summary>
    private void Collect()
    {
        var running = _scheduler.Running;
        for (var index = 0; index < running.Count; index++)
        {
            if (running[index] is not Sequence { Gap: 1, PromptLogitsFrom: int.MaxValue } sequence) continue;
            if (KindOf(sequence) is { } kind && MostFor(sequence, kind) is > 0 and var most) Collect(sequence, kind, most);
        }
    }

    private DraftKind? KindOf(Sequence sequence) =>
        !sequence.Request.Source.DisableSpeculation && PredictionDrafter.Follows(sequence) ? DraftKind.Prediction : HasDrafter ? _drafter!.Kind : null;

    private int MostFor(Sequence sequence, DraftKind kind)
    {
        var most = kind == DraftKind.Prediction
            ? Math.Min(SequenceDrafts.Most, sequence.Drafts.Prediction!.Rest.Length)
            : Math.Min(_options.DraftTokens, _drafter!.Room(sequence));
        return Math.Min(most, sequence.MaxTokenCount - sequence.TokenCount - 1); // the last token needs none
    }

    private void Collect(Sequence sequence, DraftKind kind, int most)
    {
        var drafts = sequence.Drafts;
        drafts.Kind = kind;
        drafts.State.Begin(Math.Max(Mean(kind).Value, Hope));
        drafts.Accepted = 0;
        var predicted = kind == DraftKind.Prediction;
        Predicts |= predicted;
        var hasPasses = !predicted && _drafter!.PassCost is not null;
        _candidates[_able.Count] = new(drafts.State.Acceptance, IsUsed(sequence) ? most : 0, hasPasses)
        {
            Weight = drafts.State.Weight,
            CatchUp = predicted ? 0 : _drafter!.CatchUp(sequence),
        };
        _owners[_able.Count] = drafts;
        _able.Add(sequence);
        drafts.Allowed = most;
    }

    /// <summary>Blocks for the drafts that each was given, and the lists of those to ask for them.</summary>
    private void Lend()
    {
        var spare = _scheduler.BlocksForDrafts();
        for (var index = 0; index < _able.Count; index++)
        {
            var (sequence, drafts) = (_able[index], _able[index].Drafts);
            // Where drafts are not used they are made all the same.
            var wanted = IsUsed(sequence) ? _candidates[index].Drafts : drafts.Allowed;
            drafts.Allowed = wanted > 0 ? _scheduler.Lend(sequence, wanted, ref spare) : 0;
            if (drafts.Allowed > 0) (drafts.Kind == DraftKind.Prediction ? _predicted : _asked).Add(sequence);
        }
    }

    private void Ask(IDrafter drafter)
    {
        try
        {
            drafter.Propose(_asked);
            foreach (var sequence in _asked) sequence.Drafts.Keep(IsUsed(sequence) ? _vocabularySize : 0);
        }
        catch (Exception)
        {
            foreach (var sequence in _asked) sequence.Drafts.Keep(0);
            Fault();
        }
    }

    private static bool IsUsed(Sequence sequence) => !sequence.Request.Source.DisableSpeculation;

    private void Learn(in PlannedRows rows)
    {
        if (rows.Drafts == 0 || rows.Sequence is not Sequence { IsGone: false } sequence) return;
        sequence.Drafts.State.Verified(rows.Drafts, sequence.Drafts.Accepted);
        Mean(sequence.Drafts.Kind).Observe(rows.Drafts, sequence.Drafts.Accepted);
    }

    private void Tell(StepPlan plan)
    {
        try
        {
            _drafter!.IsPaused = _sinceAsked >= PausedAfter;
            foreach (var rows in plan.Rows)
            {
                if (rows.Sequence is Sequence { IsGone: false } sequence) _drafter!.Computed(rows, sequence.Computed - rows.FirstPosition);
            }
        }
        catch (Exception)
        {
            Fault();
        }
    }

    private void Fault()
    {
        if (!_failed) _faults++;
        _failed = true;
        _counters.DrafterFailed();
        if (_faults >= MostFaults) LetGo();
    }

    /// <summary>Its keys and values, and what the target keeps for it, are of no use any more.</summary>
    private void LetGo()
    {
        var drafter = _drafter;
        _drafter = null;
        try
        {
            drafter?.Dispose();
        }
        catch (Exception)
        {
            // one more fault of it; there is nobody to tell
        }
    }

    private void Return()
    {
        Return(_asked);
        Return(_predicted);
        _able.Clear(); // holds on to no finished sequence
    }

    private void Return(List<Sequence> sequences)
    {
        foreach (var sequence in sequences)
        {
            if (sequence.IsGone) continue;
            sequence.Drafts.Clear();
            _scheduler.ReturnLent(sequence);
        }
        sequences.Clear();
    }
}
