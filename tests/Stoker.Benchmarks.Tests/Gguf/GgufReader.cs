using System.Text;
using Stoker.Benchmarks.Gguf;

namespace Stoker.Benchmarks.Tests.Gguf;

/// <summary>A GGUF file as its format says, read without the writer's code: plain and slow.</summary>
internal sealed class GgufReader
{
    private readonly byte[] _bytes;
    private int _at;

    public GgufReader(string path)
    {
        _bytes = File.ReadAllBytes(path);
        Text(4).ShouldBe("GGUF");
        Take<uint>(BitConverter.ToUInt32).ShouldBe(3u);
        var (tensors, keys) = (Size(), Size());
        for (var index = 0; index < keys; index++) Metadata.Add(Text(Size()), Value(Type()));
        for (var index = 0; index < tensors; index++)
        {
            var name = Text(Size());
            var dimensions = Enumerable.Range(0, (int)Take(BitConverter.ToUInt32)).Select(_ => (long)Size()).ToArray();
            Tensors.Add(name, ((GgufType)Take(BitConverter.ToUInt32), dimensions, Size()));
        }
        DataStart = (_at + 31) / 32 * 32;
    }

    public Dictionary<string, object> Metadata { get; } = [];

    /// <summary>Dimensions from the innermost; offset from <see cref="DataStart"/>.</summary>
    public Dictionary<string, (GgufType Type, long[] Dimensions, int Offset)> Tensors { get; } = [];

    public int DataStart { get; }

    public int Length => _bytes.Length;

    public float[] Values(string name)
    {
        var (type, dimensions, offset) = Tensors[name];
        var count = (int)dimensions.Aggregate(1L, (product, size) => product * size);
        return Dequantize(type, _bytes.AsSpan(DataStart + offset), count);
    }

    public static float[] Dequantize(GgufType type, ReadOnlySpan<byte> bytes, int count)
    {
        var values = new float[count];
        for (var index = 0; index < count; index++)
        {
            values[index] = type switch
            {
                GgufType.F32 => BitConverter.ToSingle(bytes[(4 * index)..]),
                GgufType.Bf16 => BitConverter.UInt32BitsToSingle((uint)BitConverter.ToUInt16(bytes[(2 * index)..]) << 16),
                GgufType.Q80 => Q80(bytes[(index / 32 * 34)..], index % 32),
                GgufType.Q40 => Q40(bytes[(index / 32 * 18)..], index % 32),
                _ => Q6K(bytes[(index / 256 * 210)..], index % 256),
            };
        }
        return values;
    }

    private static float Q80(ReadOnlySpan<byte> block, int index) => (float)BitConverter.ToHalf(block) * (sbyte)block[2 + index];

    private static float Q40(ReadOnlySpan<byte> block, int index) =>
        (float)BitConverter.ToHalf(block) * (((block[2 + (index % 16)] >> (index < 16 ? 0 : 4)) & 15) - 8);

    private static float Q6K(ReadOnlySpan<byte> block, int index)
    {
        var (half, run, within) = (index / 128, index % 128 / 32, index % 32);
        var low = (block[(half * 64) + (run % 2 * 32) + within] >> (run < 2 ? 0 : 4)) & 15;
        var high = (block[128 + (half * 32) + within] >> (2 * run)) & 3;
        return (float)BitConverter.ToHalf(block[208..]) * (sbyte)block[192 + (index / 16)] * ((low | (high << 4)) - 32);
    }

    private object Value(uint type) => type switch
    {
        4 => Take(BitConverter.ToUInt32),
        5 => Take(BitConverter.ToInt32),
        6 => Take(BitConverter.ToSingle),
        7 => _bytes[_at++] != 0,
        8 => Text(Size()),
        9 => List(Type(), Size()),
        _ => throw new InvalidDataException($"metadata type {type}"),
    };

    private object[] List(uint type, int count) => [.. Enumerable.Range(0, count).Select(_ => Value(type))];

    private uint Type() => Take(BitConverter.ToUInt32);

    private int Size() => (int)Take(BitConverter.ToUInt64);

    private string Text(int length)
    {
        _at += length;
        return Encoding.UTF8.GetString(_bytes, _at - length, length);
    }

    private T Take<T>(Func<byte[], int, T> read)
    {
        var value = read(_bytes, _at);
        _at += System.Runtime.CompilerServices.Unsafe.SizeOf<T>();
        return value;
    }
}
