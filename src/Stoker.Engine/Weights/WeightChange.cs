using System.Numerics;

namespace Stoker.Engine.Weights;

/// <summary>What an addon adds to a weight for good, row by row: scale · B A, in float32.</summary>
internal sealed unsafe class WeightChange
{
    private readonly float[] _a; // [rank][columns], pinned
    private readonly float[] _b; // [rows][rank], times the scale, pinned

    public WeightChange(WeightMatrix a, WeightMatrix b, float scale)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(b.Columns, a.Rows, nameof(b));
        (Rank, Columns) = (a.Rows, a.Columns);
        (_a, _b) = (Widened(a), Widened(b));
        foreach (ref var value in _b.AsSpan()) value *= scale;
    }

    public int Rank { get; }

    public int Columns { get; }

    public float* A => Start(_a);

    public float* B(int row) => Start(_b) + ((long)row * Rank);

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

    private static float[] Widened(WeightMatrix matrix)
    {
        var values = GC.AllocateUninitializedArray<float>(checked(matrix.Rows * matrix.Columns), pinned: true);
        for (var row = 0; row < matrix.Rows; row++) matrix.WidenRow(row, values.AsSpan(row * matrix.Columns, matrix.Columns));
        return values;
    }

    private static float* Start(float[] pinned) =>
        (float*)System.Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement(pinned, 0);
}
