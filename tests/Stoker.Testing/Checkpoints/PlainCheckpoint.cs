using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;

namespace Stoker.Testing.Checkpoints;

/// <summary>All tensors of a model folder by name; shares no code with the engine, which is held against it.</summary>
public static class PlainCheckpoint
{
    private const string FileName = "model.safetensors";

    /// <summary>The one file, or all shards.</summary>
    public static SortedDictionary<string, PlainTensor> Read(string folder)
    {
        var tensors = new SortedDictionary<string, PlainTensor>(StringComparer.Ordinal);
        foreach (var file in Directory.EnumerateFiles(folder, "*.safetensors"))
        {
            var bytes = File.ReadAllBytes(file);
            var start = 8 + (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
            foreach (var (name, entry) in JsonNode.Parse(bytes.AsSpan(8, start - 8))!.AsObject())
            {
                if (name == "__metadata__") continue;
                var (begin, end) = ((int)entry!["data_offsets"]![0]!, (int)entry["data_offsets"]![1]!);
                tensors[name] = new(
                    (string)entry["dtype"]!, [.. entry["shape"]!.AsArray().Select(size => (long)size!)], bytes[(start + begin)..(start + end)]);
            }
        }

        return tensors;
    }

    /// <summary>Into one file.</summary>
    public static void Write(string folder, IEnumerable<KeyValuePair<string, PlainTensor>> tensors)
    {
        var (header, data) = (new JsonObject(), new MemoryStream());
        foreach (var (name, tensor) in tensors)
        {
            header[name] = new JsonObject
            {
                ["dtype"] = tensor.Type,
                ["shape"] = new JsonArray([.. tensor.Shape.Select(size => JsonValue.Create(size))]),
                ["data_offsets"] = new JsonArray(data.Length, data.Length + tensor.Bytes.Length),
            };
            data.Write(tensor.Bytes);
        }

        var text = Encoding.UTF8.GetBytes(header.ToJsonString());
        using var file = File.Create(Path.Combine(folder, FileName));
        var length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, text.Length);
        file.Write(length);
        file.Write(text);
        data.WriteTo(file);
    }
}
