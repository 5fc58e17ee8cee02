namespace Stoker.Engine.Scheduling;

/// <summary>What <see cref="StepStatistics"/> is made of. Its owner holds a lock.</summary>
internal sealed class StepCounters
{
    // Seconds: a small model's step takes 0.1 ms, a prompt of a large one's seconds.
    private static readonly double[] TimeBounds =
        [.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .075, .1, .15, .2, .3, .5, .75, 1, 2.5, 5, 10, 30];

    private static readonly double[] RowBounds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384];
    private static readonly double[] SequenceBounds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096];

    private readonly Histogram _time = new(TimeBounds), _rows = new(RowBounds), _sequences = new(SequenceBounds);
    private Phase _prefill, _decode, _mixed;

    public void Record(StepPlan plan, TimeSpan elapsed)
    {
        ref var phase = ref _mixed;
        if (plan.DecodeRows == 0) phase = ref _prefill;
        else if (plan.DecodeRows == plan.RowCount) phase = ref _decode;
        phase.Steps++;
        phase.PrefillTokens += plan.RowCount - plan.DecodeRows;
        phase.DecodeTokens += plan.DecodeRows - plan.RejectedRows;
        phase.Seconds += elapsed.TotalSeconds;
        _time.Record(elapsed);
        _rows.Record(plan.RowCount);
        _sequences.Record(plan.Rows.Count);
    }

    public StepStatistics Snapshot() => new()
    {
        Prefill = _prefill.Snapshot(),
        Decode = _decode.Snapshot(),
        Mixed = _mixed.Snapshot(),
        Time = _time.Snapshot(),
        Rows = _rows.Snapshot(),
        Sequences = _sequences.Snapshot(),
    };

    private struct Phase
    {
        public long Steps, PrefillTokens, DecodeTokens;
        public double Seconds;

        public readonly StepPhase Snapshot() => new(Steps, PrefillTokens, DecodeTokens, Seconds);
    }
}
