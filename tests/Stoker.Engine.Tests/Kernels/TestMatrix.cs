using System.Runtime.InteropServices;
using Stoker.Engine.Tests.Weights;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Tests.Kernels;

/// <summary>
/// A weight matrix of any type with given values, through a real file: kernels see what a checkpoint gives them,
/// unaligned.
/// </summary>
internal sealed class TestMatrix : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly Checkpoint _checkpoint;

    public TestMatrix(TensorType type, int rows, int columns, ReadOnlySpan<float> values)
    {
        var bytes = Encode(type, values);
        var file = new SafetensorsBuilder().Add("a", "U8", [2], new byte[2]).Add("w", type.HeaderName(), [rows, columns], bytes);
        File.WriteAllBytes(_folder.File("model.safetensors"), file.Build());
        _checkpoint = Checkpoint.Open(_folder.Path);
        Matrix = _checkpoint.Matrix("w", rows, columns);
    }

    public WeightMatrix Matrix { get; }

    public static TestMatrix Random(TensorType type, int rows, int columns, Random random) =>
        new(type, rows, columns, Values(rows * columns, random));

    public static float[] Values(int count, Random random, float scale = 1)
    {
        var values = new float[count];
        foreach (ref var value in values.AsSpan())
        {
            value = ((random.NextSingle() * 2) - 1) * scale;
        }

        return values;
    }

    public void Dispose()
    {
        _checkpoint.Dispose();
        _folder.Dispose();
    }

    private static byte[] Encode(TensorType type, ReadOnlySpan<float> values)
    {
        switch (type)
        {
            case TensorType.F32:
                return MemoryMarshal.AsBytes(values).ToArray();
            case TensorType.F16:
                var halves = new Half[values.Length];
                for (var i = 0; i < halves.Length; i++)
                {
                    halves[i] = (Half)values[i];
                }

                return MemoryMarshal.AsBytes<Half>(halves).ToArray();
            default:
                var upperHalves = new ushort[values.Length];
                for (var i = 0; i < upperHalves.Length; i++)
                {
                    upperHalves[i] = (ushort)(BitConverter.SingleToUInt32Bits(values[i]) >> 16);
                }

                return MemoryMarshal.AsBytes<ushort>(upperHalves).ToArray();
        }
    }
}
