using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json.Nodes;

namespace Stoker.Engine.Tests.Weights;

/// <summary>Writes safetensors files for tests: right ones, and wrong ones from any header text.</summary>
internal sealed class SafetensorsBuilder
{
    private readonly JsonObject _header = [];
    private readonly List<byte> _data = [];

    public SafetensorsBuilder Add(string name, long[] shape, ReadOnlySpan<float> values) =>
        Add(name, "F32", shape, MemoryMarshal.AsBytes(values));

    public SafetensorsBuilder Add(string name, string type, long[] shape, ReadOnlySpan<byte> bytes)
    {
        _header[name] = new JsonObject
        {
            ["dtype"] = type,
            ["shape"] = new JsonArray([.. shape.Select(size => JsonValue.Create(size))]),
            ["data_offsets"] = new JsonArray(_data.Count, _data.Count + bytes.Length),
        };
        _data.AddRange(bytes);
        return this;
    }

    public byte[] Build() => FromHeader(_header.ToJsonString(), [.. _data]);

    public static byte[] FromHeader(string header, byte[] data) => FromHeader(Encoding.UTF8.GetBytes(header), data);

    public static byte[] FromHeader(byte[] header, byte[] data)
    {
        var file = new byte[8 + header.Length + data.Length];
        BinaryPrimitives.WriteInt64LittleEndian(file, header.Length);
        header.CopyTo(file, 8);
        data.CopyTo(file, 8 + header.Length);
        return file;
    }
}
