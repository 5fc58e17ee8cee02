using Stoker.Engine.KvCache;
using Stoker.Engine.Scheduling;

namespace Stoker.Engine.Speculation;

// What turns of the loop took, with drafts and without.
internal sealed partial class Speculator
{
    private readonly TurnPart[] _parts;
    private DraftTurn _turn; // the last one, all but its length
    private int _partCount;
    private long _begun;
    private bool _isOpen; // it has not ended

    /// <summary>Turns of requests so far.</summary>
    public long Turns { get; private set; }

    /// <summary>Whether what steps cost is of any use.</summary>
    public bool IsAdaptive => _options.Adaptive;

    /// <summary>A sequence had drafts of a prediction, which may be long ones.</summary>
    public bool Predicts { get; private set; }

    public DraftCosts Costs => _adaptive.Costs;

    /// <inheritdoc cref="IDrafter.Calibrate"/>
    public bool Calibrate(BlockTable table, int rows) => HasDrafter && _drafter!.Calibrate(table, rows);

    /// <summary>The last turn ends here: whatever comes now belongs to the next, or is idle time.</summary>
    public void EndTurn(long now)
    {
        if (!_isOpen) return;
        Turns++;
        _adaptive.Observe(_parts.AsSpan(0, _partCount), _turn with { Microseconds = Math.Max(Microseconds(_begun, now) - _turn.Microseconds, 0) });
        Array.Clear(_parts, 0, _partCount); // holds on to no finished sequence
        (_isOpen, _partCount) = (false, 0);
    }

    /// <param name="begun">The turn, and</param>
    /// <param name="proposed">when drafts were there.</param>
    private void NoteTurn(StepPlan plan, long begun, long proposed)
    {
        if (!_options.Adaptive) return;
        var (decodes, drafts, wanted, unwanted) = (0, 0, 0, 0);
        foreach (var rows in plan.Rows)
        {
            var sequence = (Sequence)rows.Sequence;
            drafts += rows.Drafts;
            if (rows.FirstPosition >= sequence.PromptLength && rows.Count == 1 + rows.Drafts) decodes++;
            if (sequence.IsGone || (!HasDrafter && sequence.Request.Prediction.Length == 0)) continue;
            var asked = sequence.Drafts.Allowed > 0;
            if (asked && IsUsed(sequence)) wanted++;
            else if (asked) unwanted++;
            _parts[_partCount++] = new(sequence.Drafts, rows.Count, rows.Drafts, rows.Drafts > 0 ? sequence.Drafts.Accepted : 0, asked && IsUsed(sequence));
        }

        // What was drafted for nothing because a request asked for that is nobody's loss.
        var proposing = wanted + unwanted == 0 ? 0 : Microseconds(begun, proposed);
        var lost = unwanted == 0 ? 0 : proposing * unwanted / (wanted + unwanted);
        _turn = new(lost, proposing - lost, plan.RowCount, decodes, wanted, drafts, drafts - plan.RejectedRows, plan.DecodeRows == plan.RowCount);
        (_begun, _isOpen) = (begun, true);
    }

    private double Microseconds(long from, long to) => _time.GetElapsedTime(from, to).TotalMicroseconds;
}
