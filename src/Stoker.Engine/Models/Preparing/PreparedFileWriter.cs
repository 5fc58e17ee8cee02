using System.Runtime.ExceptionServices;
using Microsoft.Win32.SafeHandles;
using Stoker.Engine.Native;
using Stoker.Engine.Weights;
using Stoker.Engine.Weights.Quantized;

namespace Stoker.Engine.Models.Preparing;

/// <summary>Streams the tensors of prepared files from an open checkpoint, with one buffer for each worker.</summary>
internal sealed unsafe class PreparedFileWriter(Checkpoint source, string folder, Action<long> advanced)
{
    /// <summary>As of the packed files: large enough for the disk, small enough for the caches.</summary>
    private const int PieceBytes = 4 << 20;

    /// <exception cref="ModelLoadException">A weight is no finite number.</exception>
    /// <exception cref="IOException">The disk is full or fails.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; the file is a half.</exception>
    public void Write(PreparedFile file, int workers, CancellationToken cancellation)
    {
        using var handle = File.OpenHandle(Path.Combine(folder, file.Name), FileMode.CreateNew, FileAccess.ReadWrite);
        RandomAccess.SetLength(handle, file.LengthBytes);
        FileSpace.Reserve(handle, file.LengthBytes);
        RandomAccess.Write(handle, file.Header, 0);
        try
        {
            Parallel.ForEach(
                Pieces(file),
                new ParallelOptions { MaxDegreeOfParallelism = workers, CancellationToken = cancellation },
                () => new AlignedMemory(PieceBytes),
                (piece, _, buffer) =>
                {
                    piece(handle, buffer);
                    return buffer;
                },
                buffer => buffer.Dispose());
        }
        catch (AggregateException several)
        {
            ExceptionDispatchInfo.Throw(several.InnerExceptions[0]); // the others follow from it
        }

        RandomAccess.FlushToDisk(handle);
    }

    private IEnumerable<Action<SafeFileHandle, AlignedMemory>> Pieces(PreparedFile file)
    {
        foreach (var tensor in file.Copies)
        {
            for (var first = 0L; first < tensor.LengthBytes; first += PieceBytes)
            {
                var (at, count) = (first, Math.Min(PieceBytes, tensor.LengthBytes - first));
                yield return (handle, _) => WriteCopy(file, tensor, at, count, handle);
            }
        }

        foreach (var tensor in file.Quantised)
        {
            // Codes and scales of whole rows share the buffer: the longest row that a config may ask for has 1 MiB.
            var each = Math.Min(tensor.Source.Rows, PieceBytes / (tensor.Source.Columns + sizeof(float)));
            for (var first = 0; first < tensor.Source.Rows; first += each)
            {
                var (row, count) = (first, Math.Min(each, tensor.Source.Rows - first));
                yield return (handle, buffer) => WriteRows(file, tensor, row, count, handle, buffer);
            }
        }
    }

    private void WriteCopy(PreparedFile file, PreparedTensor tensor, long first, long count, SafeFileHandle handle)
    {
        FileSpace.WriteAll(handle, source.Data(tensor.Name) + first, count, file.Header.Length + tensor.Begin + first);
        advanced(count);
    }

    private void WriteRows(
        PreparedFile file, QuantisedTensor tensor, int first, int count, SafeFileHandle handle, AlignedMemory buffer)
    {
        var columns = tensor.Source.Columns;
        var scales = (float*)buffer.Start;
        var codes = buffer.Start + ((long)count * sizeof(float));
        try
        {
            RowQuantizer.Quantise(tensor.Source, tensor.Codes.Type, first, count, codes, scales);
        }
        catch (WeightRangeException error)
        {
            throw new ModelLoadException(file.Name, tensor.Codes.Name, $"row {error.Row}: {error.Reason}", error);
        }

        FileSpace.WriteAll(handle, codes, (long)count * columns, file.Header.Length + tensor.Codes.Begin + ((long)first * columns));
        FileSpace.WriteAll(handle, buffer.Start, (long)count * sizeof(float), file.Header.Length + tensor.Scales.Begin + ((long)first * sizeof(float)));
        advanced((long)count * (columns + sizeof(float)));
    }
}
