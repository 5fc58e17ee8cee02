using System.Runtime.CompilerServices;

namespace Stoker.Engine.Kernels;

/// <summary>All operations in vectors of one width.</summary>
/// <remarks>
/// Within 1e-5 of <see cref="ReferenceKernels"/>, relative to the sum of the terms' magnitudes. Tails that fill no
/// vector are computed in vectors padded with zeros; panels are padded already.
/// </remarks>
internal unsafe partial class VectorKernels<TLanes, TVector>(string name) : KernelSet
    where TLanes : struct, ILanes<TVector>
    where TVector : struct
{
    public override string Name => name;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void RmsNorm(ReadOnlySpan<float> x, ReadOnlySpan<float> weight, float epsilon, Span<float> y)
    {
        CheckLengths(x.Length, weight.Length, y.Length);
        fixed (float* source = x, factor = weight, target = y)
        {
            var squares = TLanes.Broadcast(0);
            var i = 0;
            for (; i <= x.Length - TLanes.Count; i += TLanes.Count)
            {
                var value = TLanes.Load(source + i);
                squares = TLanes.FusedMultiplyAdd(value, value, squares);
            }

            if (i < x.Length)
            {
                var value = LoadPart(source + i, x.Length - i);
                squares = TLanes.FusedMultiplyAdd(value, value, squares);
            }

            ScaleToNorm(source, factor, squares, epsilon, target, x.Length);
        }
    }

    /// <summary>One pass over memory instead of three: with many rows these phases wait for nothing else.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void AddRmsNorm(
        ReadOnlySpan<float> x, ReadOnlySpan<float> branch, ReadOnlySpan<float> weight, float epsilon, Span<float> sum, Span<float> y)
    {
        if (x.Length % TLanes.Count != 0)
        {
            base.AddRmsNorm(x, branch, weight, epsilon, sum, y);
            return;
        }

        CheckLengths(x.Length, branch.Length, sum.Length);
        CheckLengths(x.Length, weight.Length, y.Length);
        fixed (float* source = x, added = branch, factor = weight, total = sum, target = y)
        {
            var squares = TLanes.Broadcast(0);
            for (var i = 0; i < x.Length; i += TLanes.Count)
            {
                var value = TLanes.Add(TLanes.Load(added + i), TLanes.Load(source + i));
                TLanes.Store(total + i, value);
                squares = TLanes.FusedMultiplyAdd(value, value, squares);
            }

            ScaleToNorm(total, factor, squares, epsilon, target, x.Length);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ScaleToNorm(float* source, float* factor, TVector squares, float epsilon, float* target, int length)
    {
        var scale = 1 / MathF.Sqrt((TLanes.Sum(squares) / length) + epsilon);
        var scales = TLanes.Broadcast(scale);
        var i = 0;
        for (; i <= length - TLanes.Count; i += TLanes.Count)
        {
            TLanes.Store(target + i, TLanes.Multiply(TLanes.Multiply(TLanes.Load(source + i), scales), TLanes.Load(factor + i)));
        }

        for (; i < length; i++)
        {
            target[i] = source[i] * scale * factor[i];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Rotate(Span<float> head, ReadOnlySpan<float> cos, ReadOnlySpan<float> sin)
    {
        CheckLengths(cos.Length, sin.Length, Math.Min(cos.Length, head.Length / 2));
        fixed (float* first = head, c = cos, s = sin)
        {
            var second = first + cos.Length;
            var i = 0;
            for (; i <= cos.Length - TLanes.Count; i += TLanes.Count)
            {
                var (a, b) = (TLanes.Load(first + i), TLanes.Load(second + i));
                var (cosine, sine) = (TLanes.Load(c + i), TLanes.Load(s + i));
                TLanes.Store(first + i, TLanes.Subtract(TLanes.Multiply(a, cosine), TLanes.Multiply(b, sine)));
                TLanes.Store(second + i, TLanes.Add(TLanes.Multiply(b, cosine), TLanes.Multiply(a, sine)));
            }

            for (; i < cos.Length; i++)
            {
                var (a, b) = (first[i], second[i]);
                first[i] = (a * c[i]) - (b * s[i]);
                second[i] = (b * c[i]) + (a * s[i]);
            }
        }
    }

    public override void SiluMultiply(Span<float> gate, ReadOnlySpan<float> up) => Gated<SiluOperation>(gate, up);

    public override void GeluMultiply(Span<float> gate, ReadOnlySpan<float> up) => Gated<GeluOperation>(gate, up);

    // exact: the product is y itself
    public override void Add(Span<float> x, ReadOnlySpan<float> y) => AddScaled(x, y, 1);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void AddScaled(Span<float> x, ReadOnlySpan<float> y, float scale)
    {
        CheckLengths(x.Length, y.Length, x.Length);
        fixed (float* target = x, source = y)
        {
            var factor = TLanes.Broadcast(scale);
            var i = 0;
            for (; i <= x.Length - TLanes.Count; i += TLanes.Count)
            {
                TLanes.Store(target + i, TLanes.FusedMultiplyAdd(factor, TLanes.Load(source + i), TLanes.Load(target + i)));
            }

            for (; i < x.Length; i++)
            {
                target[i] = MathF.FusedMultiplyAdd(scale, source[i], target[i]);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void SoftCap(Span<float> x, float cap)
    {
        fixed (float* values = x)
        {
            var i = 0;
            for (; i <= x.Length - TLanes.Count; i += TLanes.Count)
            {
                TLanes.Store(values + i, SoftCap(TLanes.Load(values + i), cap));
            }

            if (i < x.Length)
            {
                StorePart(values + i, SoftCap(LoadPart(values + i, x.Length - i), cap), x.Length - i);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Gated<TOperation>(Span<float> gate, ReadOnlySpan<float> up) where TOperation : struct, IOperation
    {
        CheckLengths(gate.Length, up.Length, gate.Length);
        fixed (float* gates = gate, ups = up)
        {
            var i = 0;
            for (; i <= gate.Length - TLanes.Count; i += TLanes.Count)
            {
                TLanes.Store(gates + i, TLanes.Multiply(TOperation.Apply(TLanes.Load(gates + i)), TLanes.Load(ups + i)));
            }

            if (i < gate.Length)
            {
                var count = gate.Length - i;
                var result = TLanes.Multiply(TOperation.Apply(LoadPart(gates + i, count)), LoadPart(ups + i, count));
                StorePart(gates + i, result, count);
            }
        }
    }

    private static void CheckLengths(int expected, int second, int third)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(second, expected);
        ArgumentOutOfRangeException.ThrowIfNotEqual(third, expected);
    }

    private static TVector LoadPart(float* source, int count)
    {
        var padded = stackalloc float[TLanes.Count];
        new ReadOnlySpan<float>(source, count).CopyTo(new Span<float>(padded, TLanes.Count));
        return TLanes.Load(padded);
    }

    private static void StorePart(float* target, TVector value, int count)
    {
        var padded = stackalloc float[TLanes.Count];
        TLanes.Store(padded, value);
        new ReadOnlySpan<float>(padded, count).CopyTo(new Span<float>(target, count));
    }
}
