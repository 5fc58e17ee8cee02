using System.Runtime.InteropServices;

namespace Stoker.Engine.Weights;

/// <summary>
/// A weight as it lies in the checkpoint: [rows = outputs][columns = inputs], row-major, bf16, f16 or f32.
/// </summary>
/// <remarks>
/// A view: the checkpoint owns the bytes and outlives it. Rows start at any byte, so loads must not assume alignment.
/// Kernels read it in panels: <see cref="PanelPacker"/>.
/// </remarks>
internal sealed unsafe class WeightMatrix
{
    private readonly SafetensorsFile _file; // keeps the memory alive as long as the view

    public WeightMatrix(SafetensorsFile file, TensorType type, byte* data, int rows, int columns)
    {
        (_file, Type, Rows, Columns) = (file, type, rows, columns);
        Data = data;
    }

    public TensorType Type { get; }

    /// <summary>First byte, or null when only headers were read.</summary>
    public byte* Data { get; }

    public int Rows { get; }

    public int Columns { get; }

    public int BytesPerElement => Type.Bits() / 8;

    public long SizeBytes => (long)Rows * Columns * BytesPerElement;

    /// <summary>Consecutive rows as a matrix of their own: one part of a fused weight, one expert of a stack.</summary>
    public WeightMatrix Slice(int firstRow, int rows)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(firstRow);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(rows, Rows - firstRow);
        var offset = (long)firstRow * Columns * BytesPerElement;
        return new WeightMatrix(_file, Type, Data is null ? null : Data + offset, rows, Columns);
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
            default:
                var halves = MemoryMarshal.Cast<byte, Half>(bytes);
                for (var i = 0; i < target.Length; i++)
                {
                    target[i] = (float)halves[i];
                }

                break;
        }
    }
}
