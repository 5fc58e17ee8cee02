using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Stoker.Benchmarks.RandomModels;

/// <summary>Writes bf16 tensors into one safetensors file, block by block on all cores; memory stays at a few blocks.</summary>
internal static class SafetensorsWriter
{
    /// <summary>Elements of a block, 4 MiB: large enough for the disk, small enough to share the work evenly.</summary>
    private const int BlockElements = 2 << 20;

    public static void Write(string path, IReadOnlyList<RandomTensor> tensors, ulong seed)
    {
        var header = Header(tensors, out var starts);
        var temporary = path + ".partial"; // a run that is stopped leaves no file that looks whole
        using (var file = File.OpenHandle(temporary, FileMode.Create, FileAccess.Write))
        {
            RandomAccess.Write(file, header, 0);
            var blocks =
                from tensor in Enumerable.Range(0, tensors.Count)
                from block in Enumerable.Range(0, (int)((tensors[tensor].ElementCount + BlockElements - 1) / BlockElements))
                select (tensor, block);
            Parallel.ForEach(blocks, item =>
            {
                var (tensor, first) = (tensors[item.tensor], (long)item.block * BlockElements);
                var values = ArrayPool<ushort>.Shared.Rent(BlockElements);
                var span = values.AsSpan(0, (int)Math.Min(BlockElements, tensor.ElementCount - first));
                if (tensor.Filling == Filling.Ones) span.Fill(NormalNoise.ToBf16(1));
                else NormalNoise.Fill(span, seed, item.tensor, item.block);
                RandomAccess.Write(file, MemoryMarshal.AsBytes(span), starts[item.tensor] + (first * sizeof(ushort)));
                ArrayPool<ushort>.Shared.Return(values);
            });
        }
        File.Move(temporary, path, overwrite: true);
    }

    private static byte[] Header(IReadOnlyList<RandomTensor> tensors, out long[] starts)
    {
        var buffer = new ArrayBufferWriter<byte>();
        starts = new long[tensors.Count];
        var end = 0L;
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            for (var index = 0; index < tensors.Count; index++)
            {
                json.WriteStartObject(tensors[index].Name);
                json.WriteString("dtype", "BF16");
                json.WriteStartArray("shape");
                foreach (var size in tensors[index].Shape) json.WriteNumberValue(size);
                json.WriteEndArray();
                json.WriteStartArray("data_offsets");
                json.WriteNumberValue(starts[index] = end);
                json.WriteNumberValue(end += tensors[index].ElementCount * sizeof(ushort));
                json.WriteEndArray();
                json.WriteEndObject();
            }
            json.WriteEndObject();
        }

        var padded = (buffer.WrittenCount + 7) / 8 * 8;
        var header = new byte[sizeof(ulong) + padded];
        header.AsSpan().Fill((byte)' ');
        BinaryPrimitives.WriteUInt64LittleEndian(header, (ulong)padded);
        buffer.WrittenSpan.CopyTo(header.AsSpan(sizeof(ulong)));
        for (var index = 0; index < starts.Length; index++) starts[index] += header.Length;
        return header;
    }
}
