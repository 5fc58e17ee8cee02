namespace Stoker.Engine.Models;

/// <summary>
/// The intermediate values of one step, for a fixed number of rows. Allocated once; all row-major, float32.
/// </summary>
internal sealed class DecoderWorkspace
{
    public DecoderWorkspace(DecoderSpec spec, int rows)
    {
        Rows = rows;
        var (queries, keys) = (spec.Heads * spec.HeadDim, spec.KvHeads * spec.HeadDim);
        (Stream, Normed, Branch) = (New(spec.HiddenSize), New(spec.HiddenSize), New(spec.HiddenSize));
        (Queries, Keys, Values, Attended) = (New(queries), New(keys), New(keys), New(queries));
        (Gate, Up) = (New(spec.IntermediateSize), New(spec.IntermediateSize));
        var angles = spec.Ropes.Count * (spec.RotatedDims / 2);
        (Cos, Sin) = (New(angles), New(angles));
        if (spec.Experts is { } experts)
        {
            (RouterLogits, ExpertShares) = (New(experts.Count), New(experts.Count));
            (ExpertInput, ExpertOutput, ExpertRows) = (New(spec.HiddenSize), New(spec.HiddenSize), new int[rows]);
        }

        float[] New(int width) => new float[checked(rows * width)];
    }

    public int Rows { get; }

    /// <summary>The residual stream, [rows, hidden].</summary>
    public float[] Stream { get; }

    /// <summary>The stream after a norm: input of the next matrices, [rows, hidden].</summary>
    public float[] Normed { get; }

    /// <summary>What attention or MLP adds to the stream, [rows, hidden].</summary>
    public float[] Branch { get; }

    public float[] Queries { get; }

    public float[] Keys { get; }

    public float[] Values { get; }

    public float[] Attended { get; }

    public float[] Gate { get; }

    public float[] Up { get; }

    /// <summary>[ropes, rows, pairs]; so is <see cref="Sin"/>.</summary>
    public float[] Cos { get; }

    public float[] Sin { get; }

    public float[] RouterLogits { get; } = [];

    /// <summary>Weight of each expert in each row, 0 where it was not chosen, [rows, experts].</summary>
    public float[] ExpertShares { get; } = [];

    public float[] ExpertInput { get; } = [];

    public float[] ExpertOutput { get; } = [];

    public int[] ExpertRows { get; } = [];

    /// <summary>Bytes that one row takes, for planning memory.</summary>
    public static long BytesPerRow(DecoderSpec spec) => sizeof(float) * (
        (3L * spec.HiddenSize) + (2L * (spec.Heads + spec.KvHeads) * spec.HeadDim) + (2L * spec.IntermediateSize)
        + (spec.Ropes.Count * (long)spec.RotatedDims)
        + (spec.Experts is { } experts ? (2L * experts.Count) + (2L * spec.HiddenSize) + 1 : 0));
}
