using Stoker.Engine.Weights;

namespace Stoker.Engine.Kernels;

/// <summary>
/// Matrix products on the whole team: each thread takes one contiguous share of a weight's rows, so that it reads one
/// stream.
/// </summary>
internal sealed unsafe class ParallelKernels
{
    private readonly ThreadTeam _team;
    private readonly Action<int, int> _multiplyPart;
    private readonly WeightMatrix?[] _matrices = new WeightMatrix?[3];
    private readonly nint[] _outputs = new nint[3];
    private float* _x;
    private int _tokens;

    public ParallelKernels(KernelSet kernels, ThreadTeam team)
    {
        (Kernels, _team) = (kernels, team);
        _multiplyPart = MultiplyPart; // made once: a step allocates nothing
    }

    public KernelSet Kernels { get; }

    /// <summary>Runs a cached job on the team, or on this thread alone when it is small.</summary>
    /// <param name="work">Multiply-adds or their like in all.</param>
    public void Run(Action<int, int> job, long work)
    {
        if (work < _team.MinimumWork)
        {
            job(0, 1);
        }
        else
        {
            _team.Run(job);
        }
    }

    /// <summary>y = x · wᵀ for all tokens. x: [tokens, w.Columns], y: [tokens, w.Rows].</summary>
    public void Multiply(WeightMatrix w, ReadOnlySpan<float> x, int tokens, Span<float> y) =>
        Multiply(w, y, null, default, null, default, x, tokens);

    /// <summary>Up to three products of the same x in one hand-off: q, k and v, or gate and up.</summary>
    public void Multiply(
        WeightMatrix w0, Span<float> y0, WeightMatrix? w1, Span<float> y1, WeightMatrix? w2, Span<float> y2,
        ReadOnlySpan<float> x, int tokens)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(x.Length, (long)tokens * w0.Columns, nameof(x));
        ArgumentOutOfRangeException.ThrowIfLessThan(y0.Length, (long)tokens * w0.Rows, nameof(y0));
        ArgumentOutOfRangeException.ThrowIfLessThan(y1.Length, (long)tokens * (w1?.Rows ?? 0), nameof(y1));
        ArgumentOutOfRangeException.ThrowIfLessThan(y2.Length, (long)tokens * (w2?.Rows ?? 0), nameof(y2));
        // Pinned until the team is done: the parts see the same buffers through plain pointers.
        fixed (float* input = x, output0 = y0, output1 = y1, output2 = y2)
        {
            _x = input;
            _tokens = tokens;
            (_matrices[0], _matrices[1], _matrices[2]) = (w0, w1, w2);
            (_outputs[0], _outputs[1], _outputs[2]) = ((nint)output0, (nint)output1, (nint)output2);
            var rows = (long)w0.Rows + (w1?.Rows ?? 0) + (w2?.Rows ?? 0);
            Run(_multiplyPart, rows * w0.Columns * tokens);
        }
    }

    private void MultiplyPart(int part, int parts)
    {
        for (var i = 0; i < _matrices.Length; i++)
        {
            if (_matrices[i] is { } w)
            {
                var (first, end) = Share(w.Rows, part, parts);
                var x = new ReadOnlySpan<float>(_x, checked(_tokens * w.Columns));
                var y = new Span<float>((float*)_outputs[i], checked(_tokens * w.Rows));
                Kernels.Multiply(w, first, end, x, _tokens, y);
            }
        }
    }

    /// <summary>
    /// One of <paramref name="parts"/> contiguous, nearly equal ranges of 0..count-1, cut at multiples of 4 (the height
    /// of a tile).
    /// </summary>
    private static (int First, int End) Share(int count, int part, int parts)
    {
        var tiles = (count + 3L) / 4;
        return ((int)Math.Min(count, tiles * part / parts * 4), (int)Math.Min(count, tiles * (part + 1) / parts * 4));
    }
}
