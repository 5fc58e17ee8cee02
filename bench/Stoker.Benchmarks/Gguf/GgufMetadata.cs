using System.Text;

namespace Stoker.Benchmarks.Gguf;

/// <summary>The key-value part of a GGUF file, in the order of the calls.</summary>
internal sealed class GgufMetadata : IDisposable
{
    private const uint UnsignedType = 4, SignedType = 5, FloatType = 6, FlagType = 7, TextType = 8, ListType = 9;

    private readonly MemoryStream _buffer = new();
    private readonly BinaryWriter _writer;

    public GgufMetadata() => _writer = new(_buffer); // always little-endian

    public int Count { get; private set; }

    public byte[] ToArray()
    {
        _writer.Flush();
        return _buffer.ToArray();
    }

    public void Add(string key, uint value)
    {
        Begin(key, UnsignedType);
        _writer.Write(value);
    }

    public void Add(string key, float value)
    {
        Begin(key, FloatType);
        _writer.Write(value);
    }

    public void Add(string key, bool value)
    {
        Begin(key, FlagType);
        _writer.Write(value);
    }

    public void Add(string key, string value)
    {
        Begin(key, TextType);
        Text(_writer, value);
    }

    public void Add(string key, IReadOnlyList<string> values)
    {
        BeginList(key, TextType, values.Count);
        foreach (var value in values) Text(_writer, value);
    }

    public void Add(string key, IReadOnlyList<int> values)
    {
        BeginList(key, SignedType, values.Count);
        foreach (var value in values) _writer.Write(value);
    }

    public void Dispose() => _writer.Dispose();

    /// <summary>Length in bytes, then UTF-8.</summary>
    public static void Text(BinaryWriter writer, string value)
    {
        var bytes = Encoding.UTF8.GetBytes(value);
        writer.Write((ulong)bytes.Length);
        writer.Write(bytes);
    }

    private void Begin(string key, uint type)
    {
        Count++;
        Text(_writer, key);
        _writer.Write(type);
    }

    private void BeginList(string key, uint elementType, int count)
    {
        Begin(key, ListType);
        _writer.Write(elementType);
        _writer.Write((ulong)count);
    }
}
