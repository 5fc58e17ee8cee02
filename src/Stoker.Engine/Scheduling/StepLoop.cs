using Stoker.Engine.KvCache;
using Stoker.Engine.Models;
using Stoker.Engine.Sampling;

namespace Stoker.Engine.Scheduling;

/// <summary>
/// Serves all requests together, one step after another. Not thread-safe: one thread owns it, so nothing in it has a
/// lock.
/// </summary>
/// <remarks>
/// A step: 1. plan, preempt, admit; 2. one forward pass over the rows of all; 3. for each sequence that has caught up,
/// draw a token, make text of it and tell the reader; 4. look whether it got on. What goes wrong in 3 ends that request
/// alone; what goes wrong in 2 cannot be told apart and ends the requests of the step. The loop itself lives.
/// </remarks>
internal sealed partial class StepLoop
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
    private readonly StepBatch _batch;
    private readonly List<int> _firstLogitRows = [];
    private readonly float[] _logits;
    private readonly SamplingScratch _scratch;
    private readonly int _drawable; // ids below are tokens, those above padding of the output matrix
    private long _nextArrival;

    /// <param name="hash">Of the prefix cache; null, but for a test of collisions.</param>
    public StepLoop(
        ILanguageModel model, KvStore kv, StepLimits limits, ITextDecoder decoder, EngineCounters counters, EngineOptions options, BlockHash? hash = null)
    {
        (_model, _kv, _decoder, _counters, _time) = (model, kv, decoder, counters, options.Time);
        var prefixes = options.PrefixCache ? new PrefixCache(kv.BlockCount, limits.BlockSize, hash) : null;
        _scheduler = new(new(kv.BlockCount, prefixes), limits, _cost);
        _calibration = new(_scheduler, _cost, model);
        _watchdog = new(options.WatchdogSteps);
        _batch = new(limits.StepTokens, limits.MaxSequences);
        _logits = new float[checked(limits.LogitRows * model.Shape.VocabularySize)];
        _drawable = Math.Min(decoder.VocabularySize, model.Shape.VocabularySize);
        _scratch = new(_drawable);
    }

    public Scheduler Scheduler => _scheduler;

    public void Add(RequestState request)
    {
        try
        {
            var maxBlocks = _scheduler.Limits.BlocksFor(request.Prompt.Length + request.MaxTokens);
            request.Prepare(_nextArrival, _decoder, _scheduler.Pool, maxBlocks);
            _nextArrival += request.Choices.Length;
            foreach (var choice in request.Choices) _scheduler.Add(choice);
        }
        catch (Exception error)
        {
            End(request, FinishReason.Error, Fault(error));
        }
    }

    /// <summary>Ends what is left of a request; nothing if it has ended.</summary>
    public void Cancel(RequestState request, Exception? reason = null) => End(request, FinishReason.Cancelled, reason);

    /// <summary>Ends everything, because the engine closes or has found a bug of its own.</summary>
    public void EndAll(FinishReason reason, Exception? error)
    {
        foreach (var request in Requests()) End(request, reason, error);
        if (reason == FinishReason.Error) _scheduler.ForgetPrefixes(); // whether they are sound cannot be told either
    }

    /// <summary>One step. False when there is nothing to do.</summary>
    public bool Step()
    {
        if (_scheduler.IsEmpty) return false;
        var start = _time.GetTimestamp();
        var plan = _scheduler.Begin();
        _counters.Step(plan.Preempt.Count);
        foreach (var admission in plan.Admit) NoteStart(admission);
        var progress = plan.RowCount > 0;
        if (progress && Forward(plan)) // where it failed requests ended: that is getting on too
        {
            progress = AdvanceAll(plan);
            _cost.Observe(plan.Work, _time.GetElapsedTime(start).TotalMicroseconds);
        }
        if (_watchdog.Observe(progress)) FailOldest();
        _counters.State(_scheduler.Running.Count, _scheduler.Waiting.Count, _scheduler.Pool.UsedCount);
        return true;
    }

    /// <summary>
    /// Uses a moment without work to learn what steps cost. False when there is nothing to learn that is worth the time.
    /// </summary>
    public bool Calibrate() => _scheduler.IsEmpty && _calibration.Step(_batch, _kv, _logits, _time);

    private bool Forward(StepPlan plan)
    {
        _batch.Clear();
        _firstLogitRows.Clear();
        foreach (var (state, first, count, wanted) in plan.Rows)
        {
            var tokens = ((Sequence)state).Tokens.Slice(first, count);
            var logits = wanted switch { WantedLogits.All => LogitRows.All, WantedLogits.Last => LogitRows.Last, _ => LogitRows.None };
            _firstLogitRows.Add(_batch.Add(tokens, first, state.Table.Array, logits));
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

    private bool AdvanceAll(StepPlan plan)
    {
        var progress = Scheduler.Complete(plan);
        for (var index = 0; index < plan.Rows.Count; index++)
        {
            var rows = plan.Rows[index];
            var sequence = (Sequence)rows.Sequence;
            if (sequence.Finish is not null) continue; // ended with a sibling, or in the forward pass
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
        var requests = new List<RequestState>();
        foreach (var sequence in _scheduler.Running.Concat(_scheduler.Waiting).Cast<Sequence>())
        {
            if (!requests.Contains(sequence.Request)) requests.Add(sequence.Request);
        }
        return requests;
    }

    private static EngineFaultException Fault(Exception error) => error as EngineFaultException
        ?? new($"The engine failed while it worked on this request ({error.GetType().Name}); other requests went on.", error);

    private Span<float> LogitRow(int row) => _logits.AsSpan(row * _model.Shape.VocabularySize, _drawable);
}
