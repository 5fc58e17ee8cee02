namespace Stoker.Engine.Speculation;

/// <summary>How likely a draft is accepted when all before it were: of one sequence and one kind of drafts, or a kind's mean.</summary>
/// <param name="value">Before anything was seen.</param>
/// <param name="slowest">What a single draft counts at the least.</param>
internal struct AcceptanceEstimate(double value, double slowest = 1.0 / 16)
{
    private const int PriorTrials = 2; // three drafts in vain and the estimate is a quarter of what it began with

    private int _trials;

    public double Value { get; private set; } = value;

    /// <param name="weight">Of a single draft at the least: more where drafts are rare.</param>
    public void Observe(int drafted, int accepted, double weight = 0)
    {
        for (var trial = 0; trial < Math.Min(accepted + 1, drafted); trial++) // those behind the first rejected one were no trial
        {
            var rate = Math.Max(Math.Max(slowest, weight), 1.0 / (_trials + PriorTrials));
            Value += ((trial < accepted ? 1 : 0) - Value) * rate;
            if (_trials < int.MaxValue) _trials++;
        }
    }
}
