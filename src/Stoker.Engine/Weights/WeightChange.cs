using System.Numerics;
using Stoker.Engine.Native;

namespace Stoker.Engine.Weights;

/// <summary>What an addon adds to a weight for good, row by row: scale · B A, in float32.</summary>
/// <remarks>
/// Its numbers are in memory from the first run of panels that needs them to the last: runs are dealt out in the order of the
/// weights, so that of a whole addon there are never more than a few changes at once, one or two for each thread.
/// </remarks>
/// <param name="read">Hands over A [rank, columns] and B [rows, rank], which are there until it returns.</param>
internal sealed unsafe class WeightChange(int rank, int columns, float scale, Action<Action<WeightMatrix, WeightMatrix>> read)
{
    private readonly Lock _gate = new();
    private AlignedMemory? _a; // [rank][columns]
    private AlignedMemory? _b; // [rows][rank], times the scale
    private int _left; // runs that need it and are not over

    public int Rank => rank;

    public int Columns => columns;

    /// <summary>Whether its numbers are in memory.</summary>
    public bool IsLoaded => _a is not null;

    public float* A => (float*)_a!.Start;

    public float* B(int row) => (float*)_b!.Start + ((long)row * rank);

    /// <summary>One run more will need it; before the first one begins.</summary>
    public void Expect() => _left++;

    /// <summary>A run begins: the numbers are there until it has left.</summary>
    /// <exception cref="ModelLoadException">They cannot be read, or one is none.</exception>
    public void Enter()
    {
        lock (_gate)
        {
            if (_a is null) read((a, b) => (_b, _a) = (Widened(b, scale), Widened(a, 1)));
        }
    }

    public void Leave()
    {
        lock (_gate)
        {
            if (--_left > 0) return;
            _a?.Dispose();
            _b?.Dispose();
            (_a, _b) = (null, null);
        }
    }

    /// <summary>target[i] += sum over r of b[r] · a[r, first + i]; one order of the sum, whatever the vectors.</summary>
    public static void AddTo(float* target, int count, float* a, float* b, int rank, int columns, int first)
    {
        var i = 0;
        for (; i <= count - Vector<float>.Count; i += Vector<float>.Count)
        {
            var sum = Vector<float>.Zero;
            for (var r = 0; r < rank; r++) sum += new Vector<float>(b[r]) * Vector.Load(a + ((long)r * columns) + first + i);
            Vector.Store(Vector.Load(target + i) + sum, target + i);
        }

        for (; i < count; i++)
        {
            var sum = 0f;
            for (var r = 0; r < rank; r++) sum += b[r] * a[((long)r * columns) + first + i];
            target[i] += sum;
        }
    }

    private static AlignedMemory Widened(WeightMatrix matrix, float factor)
    {
        var values = new AlignedMemory((long)matrix.Rows * matrix.Columns * sizeof(float));
        for (var row = 0; row < matrix.Rows; row++)
        {
            var target = values.Slice<float>((long)row * matrix.Columns, matrix.Columns);
            matrix.WidenRow(row, target);
            foreach (ref var value in target) value *= factor;
        }

        return values;
    }
}
