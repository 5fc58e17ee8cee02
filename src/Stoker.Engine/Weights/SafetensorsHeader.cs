using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Unicode;

namespace Stoker.Engine.Weights;

/// <summary>The checked header of a safetensors file.</summary>
/// <remarks>
/// A header is hostile input: whatever it says, reading ends in entries whose bytes lie inside the file without holes
/// or overlaps, or in a <see cref="ModelLoadException"/>. Memory grows with the header's own bytes, never with a number
/// in it. Format: 8 bytes little-endian header length, that many bytes of one JSON object, then the data section to the
/// end.
/// </remarks>
internal sealed class SafetensorsHeader
{
    public const int PrefixBytes = 8;

    /// <summary>The reference implementation's limit.</summary>
    public const long MaxHeaderBytes = 100_000_000;

    /// <summary>
    /// Twice what the largest public checkpoints hold (256 experts in 58 layers with scales: some 90,000).
    /// </summary>
    public const int MaxTensors = 200_000;

    private SafetensorsHeader(Dictionary<string, TensorEntry> tensors, long dataStart) =>
        (Tensors, DataStart) = (tensors, dataStart);

    public IReadOnlyDictionary<string, TensorEntry> Tensors { get; }

    /// <summary>Where the data section starts in the file; tensor offsets count from here.</summary>
    public long DataStart { get; }

    /// <summary>How many bytes of JSON follow the prefix.</summary>
    /// <exception cref="ModelLoadException">The file cannot hold what its prefix says.</exception>
    public static int HeaderLength(string file, ReadOnlySpan<byte> prefix, long fileLength)
    {
        if (prefix.Length < PrefixBytes)
        {
            throw new ModelLoadException(file, null, $"has {fileLength} bytes, a safetensors file starts with an 8-byte length");
        }

        var length = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (length > MaxHeaderBytes)
        {
            throw new ModelLoadException(file, null, $"the header length is {length}, at most {MaxHeaderBytes} are allowed");
        }

        if ((long)length > fileLength - PrefixBytes)
        {
            throw new ModelLoadException(
                file, null, $"the header length is {length}, but only {fileLength - PrefixBytes} bytes follow it: the file is cut");
        }

        return (int)length;
    }

    /// <summary>Parses and checks the JSON and holds it against the file's length.</summary>
    /// <exception cref="ModelLoadException">Names the tensor and what is wrong with it.</exception>
    public static SafetensorsHeader Parse(string file, ReadOnlySpan<byte> json, long fileLength)
    {
        if (json.IsEmpty || json[0] != (byte)'{')
        {
            throw new ModelLoadException(file, null, "the header does not start with '{': not a safetensors file");
        }

        if (!Utf8.IsValid(json))
        {
            throw new ModelLoadException(file, null, "the header is not valid UTF-8");
        }

        Dictionary<string, TensorEntry> tensors;
        try
        {
            tensors = new SafetensorsHeaderReader(file, json).ReadAll();
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or FormatException)
        {
            // JsonException: bad JSON. InvalidOperationException: a lone surrogate in an escaped string.
            throw new ModelLoadException(file, null, "the header is not valid JSON", error);
        }

        var dataStart = PrefixBytes + (long)json.Length;
        CheckCoverage(file, tensors.Values, fileLength - dataStart);
        return new SafetensorsHeader(tensors, dataStart);
    }

    /// <summary>Tensors must follow each other from the first data byte to the last.</summary>
    /// <remarks>A hole can hide another file; overlaps let a small file claim huge amounts of memory.</remarks>
    private static void CheckCoverage(string file, IEnumerable<TensorEntry> tensors, long dataBytes)
    {
        var position = 0L;
        foreach (var tensor in tensors.OrderBy(tensor => tensor.Begin).ThenBy(tensor => tensor.End))
        {
            if (tensor.Begin != position)
            {
                throw new ModelLoadException(
                    file, tensor.Name, $"starts at byte {tensor.Begin}, but the tensor before it ends at {position}: no holes, no overlaps");
            }

            position = tensor.End;
        }

        if (position != dataBytes)
        {
            throw new ModelLoadException(
                file, null, $"the tensors end at data byte {position}, but the file has {dataBytes} data bytes: the file is cut or has a tail");
        }
    }
}
