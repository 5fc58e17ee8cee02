namespace Stoker.Engine.Models;

/// <summary>The intermediate values of one pass of an EAGLE head, allocated once; row-major, float32.</summary>
/// <param name="rows">Pairs in a pass.</param>
/// <param name="logitRows">Of which so many have logits.</param>
internal sealed class EagleWorkspace(DecoderSpec spec, int rows, int logitRows) : IDisposable
{
    private readonly DecoderWidths _widths = DecoderWidths.Of(spec);

    public int Rows => rows;

    public int LogitRows => logitRows;

    /// <summary>[rows, hidden]: embedding and state joined, without the bias.</summary>
    public RowBuffer Joined { get; } = new(rows, spec.HiddenSize);

    /// <summary>[rows, hidden]: the layer's input.</summary>
    public RowBuffer Input { get; } = new(rows, spec.HiddenSize);

    /// <summary>[rows, q then k then v].</summary>
    public RowBuffer Qkv { get; } = new(rows, DecoderWidths.Of(spec).Qkv);

    /// <summary>[rows, heads · head dim].</summary>
    public RowBuffer Attended { get; } = new(rows, DecoderWidths.Of(spec).Queries);

    /// <summary>[rows, pairs]; so is <see cref="Sin"/>.</summary>
    public RowBuffer Cos { get; } = new(rows, DecoderWidths.Of(spec).Angles);

    public RowBuffer Sin { get; } = new(rows, DecoderWidths.Of(spec).Angles);

    /// <summary>[logit rows, hidden]: what attention adds.</summary>
    public RowBuffer Branch { get; } = new(logitRows, spec.HiddenSize);

    /// <summary>[logit rows, hidden]: with attention, before the MLP.</summary>
    public RowBuffer Middle { get; } = new(logitRows, spec.HiddenSize);

    /// <summary>[logit rows, hidden]: what the MLP adds.</summary>
    public RowBuffer MlpOutput { get; } = new(logitRows, spec.HiddenSize);

    public int QkvWidth => _widths.Qkv;

    public int QueryWidth => _widths.Queries;

    public int KeyWidth => _widths.Keys;

    public static long BytesPerRow(DecoderSpec spec)
    {
        var widths = DecoderWidths.Of(spec);
        return sizeof(float) * ((2L * spec.HiddenSize) + widths.Qkv + widths.Queries + (2L * widths.Angles));
    }

    public static long BytesPerLogitRow(DecoderSpec spec) => sizeof(float) * 3L * spec.HiddenSize;

    public void Dispose()
    {
        Joined.Dispose();
        Input.Dispose();
        Qkv.Dispose();
        Attended.Dispose();
        Cos.Dispose();
        Sin.Dispose();
        Branch.Dispose();
        Middle.Dispose();
        MlpOutput.Dispose();
    }
}
