namespace Stoker.Engine.Scheduling;

/// <summary>Keeps the promise that running answers have a share of their undisturbed speed, whatever prompts are beside them.</summary>
/// <remarks>
/// A step continues every answer by a token, which alone would have taken <c>alone</c>. So a step may take <c>alone / share</c>, and what one
/// took too long the next ones take less; what one left (prompts are cut to whole tiles) the next may use. Undisturbed times are those of
/// steps without a prompt, by the number of rows, since the promise is measured by them; where there was none of a size, the estimate.
/// That is of steps of every size, and those with a prompt beside answers lie together where memory and arithmetic take turns: what the last of
/// them took by their estimates corrects those of the next.
/// One thread uses it.
/// </remarks>
/// <param name="share">From above 0 to below 1.</param>
/// <param name="mostRows">Of decodes in a step.</param>
internal sealed class DecodeAccount(double share, int mostRows)
{
    // In steps without a prompt. Credit lengthens a gap between two tokens, so it is small; what a stall of the machine cost is
    // not all paid back, or the prompt would stand still for long.
    private const double MostCredit = 0.25, MostDebt = 8;

    // A step that took much longer than those before was held up by something else.
    private const double MostOutlier = 2, Rate = 1.0 / 8;
    private const double MostCorrection = 4;

    private readonly Undisturbed[] _undisturbed = new Undisturbed[mostRows + 1];
    private double _alone; // of the step at work
    private double _correction = 1; // what steps with a prompt take by their estimates
    private StepCost? _cost;
    private double _balance; // microseconds of undisturbed time that the prompts have left over; below 0: that they owe

    /// <summary>The answers' share was not kept in the last steps: a prompt has no claim on a row until it is.</summary>
    public bool Owes => _balance < 0;

    /// <summary>Begins a step: what its estimate may come to.</summary>
    /// <param name="decodes">What continues answers in it.</param>
    public double Allow(StepWork decodes, StepCost cost)
    {
        (_alone, _cost) = (Alone(decodes, cost), cost);
        return (_alone + _balance) / share / _correction;
    }

    /// <summary>Ends the step.</summary>
    /// <param name="decodes">As at its begin.</param>
    /// <param name="work">All that was in it.</param>
    public void Note(StepWork decodes, StepWork work, double microseconds)
    {
        if (decodes.Rows == 0 || !(microseconds > 0)) return; // nobody waited
        if (work == decodes) Learn(decodes, microseconds);
        else Correct(work, microseconds);
        if (_alone > 0) _balance = Math.Clamp(_balance + _alone - (share * microseconds), -MostDebt * _alone, MostCredit * _alone);
    }

    private double Alone(StepWork decodes, StepCost cost)
    {
        var estimate = cost.Predict(decodes);
        if (decodes.Rows > mostRows || _undisturbed[decodes.Rows] is not { Microseconds: > 0 } seen) return estimate;
        // The same number of rows had other keys to attend to: the estimate knows what that makes.
        var then = cost.Predict(seen.Work);
        return then > 0 ? seen.Microseconds * estimate / then : seen.Microseconds;
    }

    private void Correct(StepWork work, double microseconds)
    {
        var estimate = _cost?.Predict(work) ?? 0;
        if (estimate <= 0) return;
        var seen = Math.Clamp(microseconds / estimate, 1 / MostCorrection, MostCorrection);
        _correction += (seen - _correction) * Rate;
    }

    private void Learn(StepWork decodes, double microseconds)
    {
        if (decodes.Rows > mostRows) return;
        ref var seen = ref _undisturbed[decodes.Rows];
        var before = seen.Microseconds;
        seen = new(decodes, before == 0 ? microseconds : before + ((Math.Min(microseconds, MostOutlier * before) - before) * Rate));
    }

    /// <summary>Time of steps that continued answers alone, and the last one's work.</summary>
    private readonly record struct Undisturbed(StepWork Work, double Microseconds);
}
