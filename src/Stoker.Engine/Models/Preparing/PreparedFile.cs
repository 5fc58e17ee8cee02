using System.Buffers.Binary;
using System.Text.Json;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Models.Preparing;

/// <summary>What one safetensors file of a prepared model holds, and where.</summary>
/// <remarks>
/// A function of the source's headers alone: large elements first, so that each tensor starts on a multiple of its
/// element, then by name.
/// </remarks>
internal sealed class PreparedFile
{
    private const int HeaderAlignment = 8;

    private PreparedFile(string name, byte[] header, IReadOnlyList<PreparedTensor> copies, IReadOnlyList<QuantisedTensor> quantised, long dataBytes) =>
        (Name, Header, Copies, Quantised, DataBytes) = (name, header, copies, quantised, dataBytes);

    public string Name { get; }

    public byte[] Header { get; }

    /// <summary>Tensors that are taken over byte by byte.</summary>
    public IReadOnlyList<PreparedTensor> Copies { get; }

    public IReadOnlyList<QuantisedTensor> Quantised { get; }

    public long DataBytes { get; }

    public long LengthBytes => Header.Length + DataBytes;

    public IEnumerable<PreparedTensor> Tensors => Copies.Concat(Quantised.SelectMany(tensor => (PreparedTensor[])[tensor.Codes, tensor.Scales]));

    /// <param name="tensors">Of the source's file of that name.</param>
    /// <param name="weights">Those of them that are quantised.</param>
    public static PreparedFile Plan(
        string name, IEnumerable<TensorEntry> tensors, IReadOnlyDictionary<string, WeightMatrix> weights, TensorType codes)
    {
        var planned = new List<(string Name, TensorType Type, IReadOnlyList<long> Shape)>();
        foreach (var tensor in tensors)
        {
            if (weights.TryGetValue(tensor.Name, out var weight)) planned.Add((ScaleOf(tensor.Name), TensorType.F32, [weight.Rows, 1]));
            planned.Add((tensor.Name, weight is null ? tensor.Type : codes, tensor.Shape));
        }

        var placed = new Dictionary<string, PreparedTensor>(StringComparer.Ordinal);
        var end = 0L;
        foreach (var (tensor, type, shape) in planned.OrderByDescending(tensor => tensor.Type.Bits()).ThenBy(tensor => tensor.Name, StringComparer.Ordinal))
        {
            placed.Add(tensor, new(tensor, type, shape, end));
            end += placed[tensor].LengthBytes;
        }

        return new(
            name,
            HeaderOf(placed.Values),
            [.. placed.Values.Where(tensor => !weights.ContainsKey(tensor.Name) && !IsScale(tensor.Name, weights))],
            [.. placed.Values.Where(tensor => weights.ContainsKey(tensor.Name)).Select(tensor => new QuantisedTensor(weights[tensor.Name], tensor, placed[ScaleOf(tensor.Name)]))],
            end);
    }

    private static string ScaleOf(string weight) => weight + "_scale";

    private static bool IsScale(string name, IReadOnlyDictionary<string, WeightMatrix> weights) =>
        name.EndsWith("_scale", StringComparison.Ordinal) && weights.ContainsKey(name[..^"_scale".Length]);

    private static byte[] HeaderOf(IEnumerable<PreparedTensor> tensors)
    {
        using var json = new MemoryStream();
        using (var writer = new Utf8JsonWriter(json))
        {
            writer.WriteStartObject();
            writer.WriteStartObject("__metadata__");
            writer.WriteString("format", "pt");
            writer.WriteEndObject();
            foreach (var tensor in tensors)
            {
                writer.WriteStartObject(tensor.Name);
                writer.WriteString("dtype", tensor.Type.HeaderName());
                writer.WriteStartArray("shape");
                foreach (var size in tensor.Shape) writer.WriteNumberValue(size);
                writer.WriteEndArray();
                writer.WriteStartArray("data_offsets");
                writer.WriteNumberValue(tensor.Begin);
                writer.WriteNumberValue(tensor.Begin + tensor.LengthBytes);
                writer.WriteEndArray();
                writer.WriteEndObject();
            }

            writer.WriteEndObject();
        }

        var padded = ((int)json.Length + HeaderAlignment - 1) / HeaderAlignment * HeaderAlignment;
        var header = new byte[SafetensorsHeader.PrefixBytes + padded];
        header.AsSpan().Fill((byte)' ');
        BinaryPrimitives.WriteInt64LittleEndian(header, padded);
        json.ToArray().CopyTo(header, SafetensorsHeader.PrefixBytes);
        return header;
    }
}
