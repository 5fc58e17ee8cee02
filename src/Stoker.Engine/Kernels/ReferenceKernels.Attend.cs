namespace Stoker.Engine.Kernels;

/// <remarks>What attention needs beside the matrix tiles, in double.</remarks>
internal sealed unsafe partial class ReferenceKernels
{
    private const int ScoreStep = 32;

    public override SoftmaxPart Softmax(float* scores, int first, int end, AttentionScale scale)
    {
        var peak = float.NegativeInfinity;
        for (var i = first; i < end; i++)
        {
            var score = (double)scores[i] * scale.Factor;
            scores[i] = (float)(scale.SoftCap > 0 ? scale.SoftCap * Math.Tanh(score / scale.SoftCap) : score);
            peak = scores[i] > peak ? scores[i] : peak;
        }

        var sum = 0.0;
        for (var i = first / ScoreStep * ScoreStep; i < (end + ScoreStep - 1) / ScoreStep * ScoreStep; i++)
        {
            scores[i] = i >= first && i < end ? (float)Math.Exp((double)scores[i] - peak) : 0;
            sum += scores[i];
        }

        return new SoftmaxPart(peak, (float)sum);
    }

    public override void Merge(
        float* totals, Span<SoftmaxPart> totalParts, float* values, ReadOnlySpan<SoftmaxPart> parts, int count)
    {
        for (var row = 0; row < parts.Length; row++)
        {
            var (total, part) = (totalParts[row], parts[row]);
            var peak = MathF.Max(total.Peak, part.Peak);
            var (old, added) = (Math.Exp((double)total.Peak - peak), Math.Exp((double)part.Peak - peak));
            for (var i = row * count; i < (row + 1) * count; i++)
            {
                totals[i] = (float)((totals[i] * old) + (values[i] * added));
            }

            totalParts[row] = new SoftmaxPart(peak, (float)((total.Sum * old) + (part.Sum * added)));
        }
    }
}
