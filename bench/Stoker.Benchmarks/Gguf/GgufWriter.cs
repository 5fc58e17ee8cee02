using System.Buffers;

namespace Stoker.Benchmarks.Gguf;

/// <summary>Writes a GGUF file, version 3; tensors are converted on all cores, some rows at a time.</summary>
internal static class GgufWriter
{
    private const uint Version = 3;
    private const int Alignment = 32; // the format's default
    private const int PieceBytes = 1 << 20;

    public static void Write(string path, GgufMetadata metadata, IReadOnlyList<GgufTensor> tensors)
    {
        var header = Header(metadata, tensors, out var starts);
        var temporary = path + ".partial"; // a run that is stopped leaves no file that looks whole
        using (var file = File.OpenHandle(temporary, FileMode.Create, FileAccess.Write))
        {
            RandomAccess.SetLength(file, starts[^1] + Aligned(tensors[^1].SizeBytes));
            RandomAccess.Write(file, header, 0);
            Parallel.ForEach(Pieces(tensors), piece =>
            {
                var tensor = tensors[piece.Tensor];
                var bytes = ArrayPool<byte>.Shared.Rent(piece.Rows * tensor.RowBytes);
                var row = ArrayPool<float>.Shared.Rent(tensor.Columns);
                for (var index = 0; index < piece.Rows; index++)
                {
                    tensor.ReadRow(piece.First + index, row.AsSpan(0, tensor.Columns));
                    BlockQuantizer.Quantize(tensor.Type, row.AsSpan(0, tensor.Columns), bytes.AsSpan(index * tensor.RowBytes, tensor.RowBytes));
                }
                RandomAccess.Write(file, bytes.AsSpan(0, piece.Rows * tensor.RowBytes), starts[piece.Tensor] + ((long)piece.First * tensor.RowBytes));
                ArrayPool<float>.Shared.Return(row);
                ArrayPool<byte>.Shared.Return(bytes);
            });
        }
        File.Move(temporary, path, overwrite: true);
    }

    private static IEnumerable<(int Tensor, int First, int Rows)> Pieces(IReadOnlyList<GgufTensor> tensors)
    {
        for (var index = 0; index < tensors.Count; index++)
        {
            var rows = Math.Max(1, PieceBytes / tensors[index].RowBytes);
            for (var first = 0; first < tensors[index].Rows; first += rows) yield return (index, first, Math.Min(rows, tensors[index].Rows - first));
        }
    }

    /// <param name="starts">Where each tensor's data begins in the file.</param>
    private static byte[] Header(GgufMetadata metadata, IReadOnlyList<GgufTensor> tensors, out long[] starts)
    {
        using var buffer = new MemoryStream();
        using var writer = new BinaryWriter(buffer);
        writer.Write("GGUF"u8);
        writer.Write(Version);
        writer.Write((ulong)tensors.Count);
        writer.Write((ulong)metadata.Count);
        writer.Write(metadata.ToArray());
        starts = new long[tensors.Count];
        var end = 0L;
        for (var index = 0; index < tensors.Count; index++)
        {
            var tensor = tensors[index];
            GgufMetadata.Text(writer, tensor.Name);
            writer.Write(tensor.IsVector ? 1u : 2u);
            writer.Write((ulong)tensor.Columns); // the dimension whose elements lie side by side comes first
            if (!tensor.IsVector) writer.Write((ulong)tensor.Rows);
            writer.Write((uint)tensor.Type);
            writer.Write((ulong)end);
            starts[index] = end;
            end = Aligned(end + tensor.SizeBytes);
        }
        while (buffer.Length % Alignment != 0) writer.Write((byte)0);
        for (var index = 0; index < starts.Length; index++) starts[index] += buffer.Length;
        return buffer.ToArray();
    }

    private static long Aligned(long size) => (size + Alignment - 1) / Alignment * Alignment;
}
