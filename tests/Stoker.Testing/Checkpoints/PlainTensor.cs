using System.Buffers.Binary;

namespace Stoker.Testing.Checkpoints;

/// <summary>A tensor of a safetensors file with its bytes, read and written in the plainest way.</summary>
/// <param name="Type">As in the header, such as <c>BF16</c>.</param>
public sealed record PlainTensor(string Type, long[] Shape, byte[] Bytes)
{
    public static PlainTensor Of(long[] shape, float[] values)
    {
        var bytes = new byte[values.Length * sizeof(float)];
        for (var i = 0; i < values.Length; i++) BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(i * sizeof(float)), values[i]);
        return new("F32", shape, bytes);
    }

    /// <summary>BF16, F16 or F32 as numbers.</summary>
    public float[] Values()
    {
        var size = Type == "F32" ? sizeof(float) : sizeof(ushort);
        var values = new float[Bytes.Length / size];
        for (var i = 0; i < values.Length; i++)
        {
            var at = Bytes.AsSpan(i * size, size);
            values[i] = Type switch
            {
                "F32" => BinaryPrimitives.ReadSingleLittleEndian(at),
                "F16" => (float)BinaryPrimitives.ReadHalfLittleEndian(at),
                "BF16" => BitConverter.Int32BitsToSingle(BinaryPrimitives.ReadUInt16LittleEndian(at) << 16),
                _ => throw new InvalidOperationException($"{Type} holds no numbers"),
            };
        }

        return values;
    }
}
