namespace Stoker.Engine.Kernels;

/// <summary>Every operation as its formula reads: the form that the fast sets are held to.</summary>
/// <remarks>
/// Sums run in double and are rounded once, so that a disagreement is the other set's rounding and not this one's.
/// </remarks>
internal sealed unsafe partial class ReferenceKernels : KernelSet
{
    public override string Name => "reference";

    public override void RmsNorm(ReadOnlySpan<float> x, ReadOnlySpan<float> weight, float epsilon, Span<float> y)
    {
        var squares = 0.0;
        foreach (var value in x)
        {
            squares += (double)value * value;
        }

        var scale = (float)(1.0 / Math.Sqrt((squares / x.Length) + epsilon));
        for (var i = 0; i < x.Length; i++)
        {
            y[i] = x[i] * scale * weight[i];
        }
    }

    public override void Rotate(Span<float> head, ReadOnlySpan<float> cos, ReadOnlySpan<float> sin)
    {
        for (var i = 0; i < cos.Length; i++)
        {
            var (a, b) = (head[i], head[i + cos.Length]);
            head[i] = (a * cos[i]) - (b * sin[i]);
            head[i + cos.Length] = (b * cos[i]) + (a * sin[i]);
        }
    }

    public override void SiluMultiply(Span<float> gate, ReadOnlySpan<float> up)
    {
        for (var i = 0; i < gate.Length; i++)
        {
            gate[i] = (float)(gate[i] / (1.0 + Math.Exp(-gate[i])) * up[i]);
        }
    }

    public override void GeluMultiply(Span<float> gate, ReadOnlySpan<float> up)
    {
        for (var i = 0; i < gate.Length; i++)
        {
            double x = gate[i];
            var inner = Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x));
            gate[i] = (float)(0.5 * x * (1 + Math.Tanh(inner)) * up[i]);
        }
    }

    public override void Add(Span<float> x, ReadOnlySpan<float> y)
    {
        for (var i = 0; i < x.Length; i++)
        {
            x[i] += y[i];
        }
    }

    public override void AddScaled(Span<float> x, ReadOnlySpan<float> y, float scale)
    {
        for (var i = 0; i < x.Length; i++)
        {
            x[i] = MathF.FusedMultiplyAdd(scale, y[i], x[i]);
        }
    }

    public override void SoftCap(Span<float> x, float cap)
    {
        for (var i = 0; i < x.Length; i++)
        {
            x[i] = cap * MathF.Tanh(x[i] / cap);
        }
    }
}
