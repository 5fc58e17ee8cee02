using System.Runtime.InteropServices;
using Stoker.Engine.Weights.Quantized;

namespace Stoker.Engine.Weights;

/// <summary>
/// A weight as it lies in the checkpoint: [rows = outputs][columns = inputs], row-major, bf16, f16 or f32, or 8 bit codes
/// with their scales.
/// </summary>
/// <remarks>
/// A view: the checkpoint owns the bytes and outlives it. Rows start at any byte, so loads must not assume alignment.
/// Kernels read it in panels: <see cref="PanelPacker"/>.
/// </remarks>
internal sealed unsafe class WeightMatrix
{
    private readonly SafetensorsFile _file; // keeps the memory alive as long as the view

    private readonly int _firstRow; // of a slice, in the rows that the scales are of

    /// <param name="scales">Of codes; null for numbers, and where only headers were read.</param>
    public WeightMatrix(
        SafetensorsFile file, TensorType type, byte* data, int rows, int columns, WeightScales? scales = null, int firstRow = 0)
    {
        (_file, Type, Rows, Columns, Scales, _firstRow) = (file, type, rows, columns, scales, firstRow);
        Data = data;
    }

    public TensorType Type { get; }

    /// <summary>First byte, or null when only headers were read.</summary>
    public byte* Data { get; }

    public WeightScales? Scales { get; }

    /// <summary>Added to the rows as they are packed; null: nothing.</summary>
    public WeightChange? Change { get; private init; }

    public int Rows { get; }

    public int Columns { get; }

    public int BytesPerElement => Type.Bits() / 8;

    public long SizeBytes => (long)Rows * Columns * BytesPerElement;

    /// <summary>Scales of one row's codes.</summary>
    public float* ScalesOf(int row) => Scales!.Row(_firstRow + row);

    /// <summary>What is added to one row: rows of a slice are those of the whole.</summary>
    public float* ChangeOf(int row) => Change!.B(_firstRow + row);

    /// <summary>The same weight with a change that is of all of it, also where this is a slice.</summary>
    public WeightMatrix With(WeightChange change) => new(_file, Type, Data, Rows, Columns, Scales, _firstRow) { Change = change };

    /// <summary>The same weight with its bytes in another place, which its user keeps.</summary>
    public WeightMatrix In(byte* data) => new(_file, Type, data, Rows, Columns, Scales, _firstRow);

    /// <summary>Consecutive rows as a matrix of their own: one part of a fused weight, one expert of a stack.</summary>
    public WeightMatrix Slice(int firstRow, int rows)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(firstRow);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rows, Rows - firstRow);
        var offset = (long)firstRow * Columns * BytesPerElement;
        return new WeightMatrix(_file, Type, Data is null ? null : Data + offset, rows, Columns, Scales, _firstRow + firstRow) { Change = Change };
    }

    /// <summary>One row widened to float32 (exact): a token's embedding, a norm's weight. target: [columns].</summary>
    public void WidenRow(int row, Span<float> target)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)row, (uint)Rows, nameof(row));
        ArgumentOutOfRangeException.ThrowIfNotEqual(target.Length, Columns);
        var bytes = new ReadOnlySpan<byte>(Data + ((long)row * Columns * BytesPerElement), Columns * BytesPerElement);
        switch (Type)
        {
            case TensorType.F32:
                bytes.CopyTo(MemoryMarshal.AsBytes(target));
                break;
            case TensorType.BF16:
                var upperHalves = MemoryMarshal.Cast<byte, ushort>(bytes);
                for (var i = 0; i < target.Length; i++)
                {
                    target[i] = BitConverter.UInt32BitsToSingle((uint)upperHalves[i] << 16);
                }

                break;
            case TensorType.F16:
                var halves = MemoryMarshal.Cast<byte, Half>(bytes);
                for (var i = 0; i < target.Length; i++)
                {
                    target[i] = (float)halves[i];
                }

                break;
            default:
                throw new InvalidOperationException($"codes of type {Type.HeaderName()} are no numbers without their scales");
        }
    }
}
