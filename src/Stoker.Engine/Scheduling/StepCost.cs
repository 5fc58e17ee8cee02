using System.Numerics;

namespace Stoker.Engine.Scheduling;

/// <summary>How long a step takes on this machine with this model, learned from the steps themselves.</summary>
/// <remarks>
/// time = fixed + a * rows + b * keys + c * logit rows, no term below zero. The fixed part is mostly reading the weights,
/// which a lone decode pays alone: that is why tokens do not measure time on a CPU.
/// Steps of similar size share a bucket, whose mean follows them slowly and takes an outlier (a page fault, a lost
/// time slice) for at most four times what was expected. The fit runs over the buckets' means, each with the same relative weight: ten
/// thousand decodes do not make it forget what the one long prompt cost. Where what was seen cannot tell the terms apart,
/// rows get their share of the fixed part, so an estimate errs upwards.
/// One thread uses it: the loop.
/// </remarks>
internal sealed class StepCost
{
    private const int Terms = 4;
    private const int RowBuckets = 16, KeyBuckets = 24; // by powers of two; beyond the last, all are in the last
    private const int ObservationsPerFit = 16;
    private const double Rate = 1.0 / 8; // a change of the machine's speed shows within some ten steps
    private const double Ridge = 1e-6; // against terms that cannot be told apart; nothing beside real differences

    private readonly Bucket[] _buckets = new Bucket[RowBuckets * KeyBuckets];
    private readonly double[] _weights = new double[Terms];
    private readonly double[] _equations = new double[Terms * (Terms + 1)];
    private int _sinceFit;
    private bool _warm;

    /// <summary>The most rows of any step seen: estimates far beyond it are guesses.</summary>
    public int KnownRows { get; private set; }

    /// <summary>Microseconds; 0 before there is anything to tell them from.</summary>
    public double Predict(StepWork work) =>
        _weights[0] + (_weights[1] * work.Rows) + (_weights[2] * work.Keys) + (_weights[3] * work.LogitRows);

    public void Observe(StepWork work, double microseconds)
    {
        if (work.Rows == 0 || !(microseconds > 0)) return; // a clock that stands still says nothing
        if (!_warm)
        {
            _warm = true; // the very first step pages the weights in
            return;
        }
        KnownRows = Math.Max(KnownRows, work.Rows);
        var isYoung = _buckets[Index(work)].Add(work, microseconds, Predict(work));
        if (!isYoung && ++_sinceFit < ObservationsPerFit) return;
        _sinceFit = 0;
        Fit();
    }

    private static int Index(StepWork work) =>
        (Math.Min(BitOperations.Log2((uint)work.Rows), RowBuckets - 1) * KeyBuckets) + Math.Min(BitOperations.Log2((ulong)work.Keys), KeyBuckets - 1);

    /// <summary>Least squares of the relative error; a term that would be negative is left out and the rest fitted again.</summary>
    private void Fit()
    {
        Span<bool> used = [true, true, true, true];
        for (var round = 0; round < Terms; round++)
        {
            SetUp(used);
            Solve();
            var lowest = 0;
            for (var term = 1; term < Terms; term++)
            {
                if (_weights[term] < _weights[lowest]) lowest = term;
            }
            if (_weights[lowest] >= 0) break;
            used[lowest] = false;
        }
        for (var term = 0; term < Terms; term++) _weights[term] = Math.Max(_weights[term], 0);
    }

    private void SetUp(ReadOnlySpan<bool> used)
    {
        Array.Clear(_equations);
        foreach (ref readonly var bucket in _buckets.AsSpan())
        {
            if (bucket.Count == 0) continue;
            for (var row = 0; row < Terms; row++)
            {
                if (!used[row]) continue;
                var value = bucket.Value(row) / bucket.Microseconds;
                for (var column = 0; column < Terms; column++)
                {
                    if (used[column]) Equation(row, column) += value * bucket.Value(column) / bucket.Microseconds;
                }
                Equation(row, Terms) += value;
            }
        }
        for (var term = 0; term < Terms; term++)
        {
            ref var diagonal = ref Equation(term, term);
            diagonal = diagonal > 0 ? diagonal * (1 + Ridge) : 1;
        }
    }

    // Gauss-Jordan: the matrix is symmetric and positive definite, so no pivot is zero.
    private void Solve()
    {
        for (var pivot = 0; pivot < Terms; pivot++)
        {
            for (var row = 0; row < Terms; row++)
            {
                if (row == pivot) continue;
                var factor = Equation(row, pivot) / Equation(pivot, pivot);
                for (var column = pivot; column <= Terms; column++) Equation(row, column) -= factor * Equation(pivot, column);
            }
        }
        for (var term = 0; term < Terms; term++) _weights[term] = Equation(term, Terms) / Equation(term, term);
    }

    private ref double Equation(int row, int column) => ref _equations[(row * (Terms + 1)) + column];

    /// <summary>Means of steps of similar size.</summary>
    private struct Bucket
    {
        private double _rows, _keys, _logitRows;

        public int Count { get; private set; }

        public double Microseconds { get; private set; }

        public readonly double Value(int term) => term switch { 0 => 1, 1 => _rows, 2 => _keys, _ => _logitRows };

        /// <returns>True for the first two.</returns>
        public bool Add(StepWork work, double microseconds, double estimate)
        {
            if (Count < 2)
            {
                // Of the first two the quicker one: an outlier at the beginning would stay for long.
                if (Count++ == 1 && microseconds > Microseconds) return true;
                (_rows, _keys, _logitRows, Microseconds) = (work.Rows, work.Keys, work.LogitRows, microseconds);
                return true;
            }
            _rows += (work.Rows - _rows) * Rate;
            _keys += (work.Keys - _keys) * Rate;
            _logitRows += (work.LogitRows - _logitRows) * Rate;
            Microseconds += (Math.Min(microseconds, 4 * Math.Max(Microseconds, estimate)) - Microseconds) * Rate;
            return false;
        }
    }
}
