namespace Stoker.Engine.Models;

/// <summary>
/// The intermediate values of one step, for a fixed number of rows. Allocated once, in native memory; all row-major, float32.
/// </summary>
internal sealed class DecoderWorkspace : IDisposable
{
    private readonly List<RowBuffer> _buffers = [];

    public DecoderWorkspace(DecoderSpec spec, int rows)
    {
        Rows = rows;
        var widths = DecoderWidths.Of(spec);
        (Stream, NextStream, Branch) = (New(spec.HiddenSize), New(spec.HiddenSize), New(spec.HiddenSize));
        (Qkv, Attended) = (New(widths.Qkv), New(widths.Queries));
        (Cos, Sin) = (New(widths.Angles), New(widths.Angles));
        var experts = spec.Experts?.Count ?? 0;
        var expertWidth = experts > 0 ? spec.HiddenSize : 0;
        (RouterLogits, ExpertShares) = (New(experts), New(experts));
        (Normed, ExpertOutput) = (New(expertWidth), New(expertWidth));
        ExpertRows = new int[experts > 0 ? rows : 0];

        RowBuffer New(int width)
        {
            _buffers.Add(new RowBuffer(rows, width));
            return _buffers[^1];
        }
    }

    public int Rows { get; }

    /// <summary>The residual stream, [rows, hidden], but for the branch that was computed last.</summary>
    public RowBuffer Stream { get; private set; }

    /// <summary>The stream with that branch, while a phase adds it: other threads still read the old one.</summary>
    public RowBuffer NextStream { get; private set; }

    /// <summary>What attention or MLP adds to the stream, [rows, hidden].</summary>
    public RowBuffer Branch { get; }

    /// <summary>[rows, q then k then v].</summary>
    public RowBuffer Qkv { get; }

    /// <summary>[rows, heads · head dim].</summary>
    public RowBuffer Attended { get; }

    /// <summary>[rows, ropes · pairs]; so is <see cref="Sin"/>.</summary>
    public RowBuffer Cos { get; }

    public RowBuffer Sin { get; }

    public RowBuffer RouterLogits { get; }

    /// <summary>Weight of each expert in each row, 0 where it was not chosen, [rows, experts].</summary>
    public RowBuffer ExpertShares { get; }

    /// <summary>Mixtures: the stream after the norm, from which each expert gathers its rows.</summary>
    public RowBuffer Normed { get; }

    public RowBuffer ExpertOutput { get; }

    public int[] ExpertRows { get; }

    /// <summary>Bytes that one row takes, for planning memory.</summary>
    public static long BytesPerRow(DecoderSpec spec)
    {
        var widths = DecoderWidths.Of(spec);
        return sizeof(float) * (
            (3L * spec.HiddenSize) + widths.Qkv + widths.Queries + (2L * widths.Angles)
            + (spec.Experts is { } experts ? (2L * experts.Count) + (2L * spec.HiddenSize) + 1 : 0));
    }

    public long SizeBytes => _buffers.Sum(buffer => buffer.SizeBytes) + (ExpertRows.Length * sizeof(int));

    public void SwapStreams() => (Stream, NextStream) = (NextStream, Stream);

    public void Dispose() => _buffers.ForEach(buffer => buffer.Dispose());
}

/// <summary>Widths of a step's rows, in values.</summary>
/// <param name="Queries">Query heads · head dim.</param>
/// <param name="Keys">Kv heads · head dim.</param>
/// <param name="Angles">Pairs of all ropes.</param>
/// <param name="LargestInput">Of a product, but for the second half of an MLP.</param>
internal readonly record struct DecoderWidths(int Queries, int Keys, int Angles, int LargestInput)
{
    public int Qkv => Queries + (2 * Keys);

    public static DecoderWidths Of(DecoderSpec spec)
    {
        var queries = spec.Heads * spec.HeadDim;
        return new DecoderWidths(
            queries, spec.KvHeads * spec.HeadDim, spec.Ropes.Count * (spec.RotatedDims / 2),
            Math.Max(spec.HiddenSize, queries));
    }
}
