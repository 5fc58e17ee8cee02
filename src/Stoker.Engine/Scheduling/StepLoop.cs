using Stoker.Engine.Addons;
using Stoker.Engine.Kernels;
using Stoker.Engine.KvCache;
using Stoker.Engine.Models;
using Stoker.Engine.Speculation;

namespace Stoker.Engine.Scheduling;

/// <summary>
/// Serves all requests together, one step after another. Not thread-safe: one thread owns it, so nothing in it has a
/// lock.
/// </summary>
/// <remarks>
/// A step: 1. drafts, where there is speculation; plan, preempt, admit; 2. one forward pass over the rows of all; 3. for each
/// sequence that has caught up, draw a token and those that its drafts foresaw, see whether one is the last, and hand them to the
/// delivery; 4. look whether it got on. What goes wrong in
/// 3 ends that request alone; what goes wrong in 2 cannot be told apart and ends the requests of the step. The loop itself lives.
/// Text, stop strings and events are the <see cref="DeliveryDesk"/>'s. Handed over directly, they come before the next step;
/// through a <see cref="DeliveryThread"/> beside it.
/// </remarks>
internal sealed partial class StepLoop : IDisposable
{
    private readonly ILanguageModel _model;
    private readonly KvStore _kv;
    private readonly Scheduler _scheduler;
    private readonly ITextDecoder _decoder;
    private readonly EngineCounters _counters;
    private readonly TimeProvider _time;
    private readonly Watchdog _watchdog;
    private readonly StepCost _cost = new();
    private readonly StepCalibration _calibration;
    private readonly DraftCalibration? _draftCalibration;
    private readonly StepBatch _batch;
    private readonly List<int> _firstLogitRows;
    private readonly float[] _logits;
    private readonly SamplingPhase _sampling;
    private readonly Speculator? _speculator;
    private readonly int[] _verified = new int[1 + SequenceDrafts.Most];
    private readonly AddonStore? _addons;
    private long _nextArrival;
    private long _now; // of the step's tokens

    /// <param name="team">Threads that share the sampling of many rows; none: the caller's alone.</param>
    /// <param name="drafter">Makes the one that drafts for this pool's sequences; the loop's from then on.</param>
    /// <param name="hash">Of the prefix cache; null, but for a test of collisions.</param>
    public StepLoop(
        ILanguageModel model, KvStore kv, StepLimits limits, ITextDecoder decoder, EngineCounters counters, EngineOptions options,
        ThreadTeam? team = null, BlockHash? hash = null, Func<BlockPool, IDrafter?>? drafter = null, AddonStore? addons = null)
    {
        _addons = addons;
        (_model, _kv, _decoder, _counters, _time) = (model, kv, decoder, counters, options.Time);
        var prefixes = options.PrefixCache ? new PrefixCache(kv.BlockCount, limits.BlockSize, hash) : null;
        _scheduler = new(new(kv.BlockCount, prefixes), limits, _cost);
        _watchdog = new(options.WatchdogSteps);
        _batch = new(limits.StepTokens, limits.MaxSequences);
        _firstLogitRows = new(limits.MaxSequences);
        _logits = new float[checked(limits.LogitRows * model.Shape.VocabularySize)];
        var drawable = Math.Min(decoder.VocabularySize, model.Shape.VocabularySize);
        _sampling = new(limits, drawable, team);
        _calibration = new(_scheduler, _cost, model);
        Desk = new(decoder, counters, _time) { Stopped = Release, Abandoned = Abandon };
        if (limits.DraftRows == 0) return;
        _speculator = Speculator.New(_scheduler, options.Speculation, drafter, drawable, counters, _time);
        _draftCalibration = new(_scheduler, _speculator, model, options.Speculation?.DraftTokens ?? 0);
    }

    /// <summary>Where text and events are made; the loop calls it itself unless <see cref="Delivery"/> is set.</summary>
    public DeliveryDesk Desk { get; }

    /// <summary>The thread that uses the desk instead of the loop.</summary>
    public DeliveryThread? Delivery { get; set; }

    public Scheduler Scheduler => _scheduler;

    public void Add(RequestState request)
    {
        if (request.Addon is { Failure: { } failure }) // while it was on its way here; whoever ends such requests has looked already
        {
            End(request, FinishReason.Error, failure);
            return;
        }

        try
        {
            var maxBlocks = _scheduler.Limits.BlocksFor(request.Prompt.Length + request.MaxTokens);
            request.Prepare(_nextArrival, _decoder, _scheduler.Pool, maxBlocks);
            _nextArrival += request.Choices.Length;
            foreach (var choice in request.Choices) _scheduler.Add(choice);
            if (request.Answered.Length > 0) GoOn(request, request.Choices[0]);
        }
        catch (Exception error)
        {
            End(request, FinishReason.Error, Fault(error));
        }
    }

    /// <summary>Ends what is left of a request; nothing if it has ended.</summary>
    public void Cancel(RequestState request, Exception? reason = null) => End(request, FinishReason.Cancelled, reason);

    /// <summary>The delivery found a stop string: lets go of the choice, unless it has gone meanwhile.</summary>
    public void Release(Sequence sequence)
    {
        if (sequence.IsGone) return;
        Leave(sequence);
        Post(new(DeliveryKind.Release, sequence.Request, sequence) { Finish = FinishReason.Stop });
    }

    /// <summary>The delivery has ended a request: lets go of what is left of it.</summary>
    public void Abandon(RequestState request, FinishReason reason) => End(request, reason, null);

    /// <summary>Ends everything, because the engine closes or has found a bug of its own.</summary>
    public void EndAll(FinishReason reason, Exception? error)
    {
        foreach (var request in Requests()) End(request, reason, error);
        if (reason == FinishReason.Error) _scheduler.ForgetPrefixes(); // whether they are sound cannot be told either
    }

    /// <summary>One step. False when there is nothing to do.</summary>
    public bool Step()
    {
        var start = _time.GetTimestamp();
        _speculator?.EndTurn(start);
        if (_scheduler.IsEmpty) return false;
        if (_addons is not null && _addons.TakeFailures() && !EndWithoutAddon()) return false;
        _speculator?.Propose();
        var drafted = _time.GetTimestamp();
        var plan = _scheduler.Begin();
        if (plan is { RowCount: 0, PassedOver: true, Preempt.Count: 0 })
        {
            NoteState();
            return false; // until what is waited for is there
        }

        _counters.Step(plan.Preempt.Count);
        foreach (var admission in plan.Admit) NoteStart(admission);
        var progress = plan.RowCount > 0;
        if (progress && Forward(plan)) // where it failed requests ended: that is getting on too
        {
            _now = _time.GetTimestamp();
            progress = AdvanceAll(plan);
            _speculator?.Settle(plan, start, drafted);
            var end = _time.GetTimestamp();
            NoteCost(plan, _time.GetElapsedTime(drafted, end).TotalMicroseconds);
            _counters.StepComputed(plan, _time.GetElapsedTime(start, end));
        }
        if (_watchdog.Observe(progress)) FailOldest();
        NoteState();
        Delivery?.Flush();
        return true;
    }

    /// <summary>
    /// Uses a moment without work to learn what steps cost. False when there is nothing to learn that is worth the time.
    /// </summary>
    public bool Calibrate() => _scheduler.IsEmpty
        && (_draftCalibration?.Step(_batch, _kv, _logits, _time) == true || _calibration.Step(_batch, _kv, _logits, _time));

    /// <summary>Frees what the drafter holds. After the last step.</summary>
    public void Dispose() => _speculator?.Dispose();

    private void NoteCost(StepPlan plan, double microseconds)
    {
        _cost.Observe(plan.Work, microseconds);
        _scheduler.NoteTime(plan, microseconds);
    }

    private bool Forward(StepPlan plan)
    {
        _batch.Clear();
        _firstLogitRows.Clear();
        foreach (var rows in plan.Rows)
        {
            var logits = rows.Logits switch { WantedLogits.All => LogitRows.All, WantedLogits.Last => LogitRows.Last, _ => LogitRows.None };
            var addon = ((Sequence)rows.Sequence).Request.Addon?.Slot ?? StepBatch.NoAddon;
            _firstLogitRows.Add(_batch.Add(TokensOf(rows), rows.FirstPosition, rows.Sequence.Table.Array, logits, addon));
        }
        try
        {
            _model.Forward(_batch, _kv, _logits.AsSpan(0, _batch.LogitRowCount * _model.Shape.VocabularySize));
            return true;
        }
        catch (Exception error)
        {
            foreach (var rows in plan.Rows) End(((Sequence)rows.Sequence).Request, FinishReason.Error, Fault(error));
            return false;
        }
    }

    private ReadOnlySpan<int> TokensOf(in PlannedRows rows)
    {
        var sequence = (Sequence)rows.Sequence;
        if (rows.Drafts == 0) return sequence.Tokens.Slice(rows.FirstPosition, rows.Count);
        _verified[0] = sequence.Tokens[rows.FirstPosition];
        sequence.Drafts.Tokens[..rows.Drafts].CopyTo(_verified.AsSpan(1));
        return _verified.AsSpan(0, rows.Count);
    }

    private bool AdvanceAll(StepPlan plan)
    {
        var progress = _scheduler.Complete(plan);
        _sampling.Clear();
        for (var index = 0; index < plan.Rows.Count; index++)
        {
            var rows = plan.Rows[index];
            var sequence = (Sequence)rows.Sequence;
            if (sequence.IsGone) continue; // ended with a sibling
            try
            {
                progress |= Advance(sequence, rows, _firstLogitRows[index]);
            }
            catch (Exception error)
            {
                End(sequence.Request, FinishReason.Error, Fault(error));
                progress = true;
            }
        }
        _sampling.Run(_logits, _model.Shape.VocabularySize);
        foreach (ref readonly var draw in _sampling.Draws)
        {
            plan.RejectedRows += draw.Drafts - draw.Accepted;
            Take(draw);
        }
        return progress;
    }

    private void FailOldest()
    {
        var oldest = (Sequence)(_scheduler.Running.Count > 0 ? _scheduler.Running[0] : _scheduler.Waiting[0]);
        _counters.WatchdogTripped();
        End(oldest.Request, FinishReason.Error, new EngineFaultException(
            $"The engine made no progress and gave the request up: {_scheduler.Running.Count} sequences running, {_scheduler.Waiting.Count} waiting, "
            + $"{_scheduler.Pool.UsedCount} of {_scheduler.Pool.Count} KV blocks used; this one had {oldest.Computed} of {oldest.TokenCount} tokens "
            + $"computed and was preempted {oldest.Preemptions} times. This is a bug of the engine; sending the request again may work."));
    }

    private List<RequestState> Requests()
    {
        var (requests, seen) = (new List<RequestState>(), new HashSet<RequestState>()); // thousands may wait
        foreach (var sequence in _scheduler.Running.Concat(_scheduler.Waiting).Cast<Sequence>())
        {
            if (seen.Add(sequence.Request)) requests.Add(sequence.Request);
        }
        return requests;
    }

    public static EngineFaultException Fault(Exception error) => error as EngineFaultException
        ?? new($"The engine failed while it worked on this request ({error.GetType().Name}); other requests went on.", error);

    private void Post(in Delivery item)
    {
        if (Delivery is { } thread) thread.Post(item);
        else Desk.Handle(item);
    }

    private void NoteState() => _counters.State(_scheduler.Running.Count, _scheduler.Waiting.Count, _scheduler.Pool.UsedCount);
}
