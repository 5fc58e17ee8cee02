using System.Text.Json;

namespace Stoker.Engine.Weights;

/// <summary>
/// Reads the header's JSON in one pass, so that duplicate keys and odd types are seen and nothing is built twice.
/// </summary>
internal ref struct SafetensorsHeaderReader
{
    private const int MaxDepth = 3; // header object, entry object, array
    private const int MaxNameLength = 1024;
    private const int MaxRank = 8;

    private readonly string _file;
    private Utf8JsonReader _reader;

    public SafetensorsHeaderReader(string file, ReadOnlySpan<byte> json)
    {
        _file = file;
        _reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = MaxDepth });
    }

    public Dictionary<string, TensorEntry> ReadAll()
    {
        var tensors = new Dictionary<string, TensorEntry>(StringComparer.Ordinal);
        var metadataSeen = false;
        _reader.Read(); // the caller has seen '{'
        while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = ReadName();
            if (name == "__metadata__")
            {
                ReadMetadata(metadataSeen);
                metadataSeen = true;
            }
            else if (!tensors.TryAdd(name, ReadEntry(name)))
            {
                throw Fail(name, "is listed twice");
            }
            else if (tensors.Count > SafetensorsHeader.MaxTensors)
            {
                throw Fail(null, $"lists more than {SafetensorsHeader.MaxTensors} tensors");
            }
        }

        _reader.Read(); // only white space may follow: anything else is a JsonException
        return tensors;
    }

    private string ReadName()
    {
        // An escape makes a name longer in bytes than in characters, never more than sixfold.
        if (_reader.ValueSpan.Length > 6 * MaxNameLength || _reader.GetString()!.Length > MaxNameLength)
        {
            throw Fail(null, $"a tensor name is longer than {MaxNameLength} characters");
        }

        return _reader.GetString()!;
    }

    private void ReadMetadata(bool seenBefore)
    {
        if (seenBefore)
        {
            throw Fail("__metadata__", "is there twice");
        }

        Expect("__metadata__", JsonTokenType.StartObject, "must be an object of strings");
        while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
        {
            Expect("__metadata__", JsonTokenType.String, "must map strings to strings only");
        }
    }

    private TensorEntry ReadEntry(string name)
    {
        TensorType? type = null;
        long[]? shape = null;
        long[]? offsets = null;
        Expect(name, JsonTokenType.StartObject, "must be an object with dtype, shape and data_offsets");
        while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
        {
            var duplicate = false;
            if (_reader.ValueTextEquals("dtype"u8))
            {
                duplicate = type is not null;
                type = ReadType(name);
            }
            else if (_reader.ValueTextEquals("shape"u8))
            {
                duplicate = shape is not null;
                shape = ReadIntegers(name, "shape", MaxRank);
            }
            else if (_reader.ValueTextEquals("data_offsets"u8))
            {
                duplicate = offsets is not null;
                offsets = ReadIntegers(name, "data_offsets", 2);
            }
            else
            {
                throw Fail(name, "has a key besides dtype, shape and data_offsets");
            }

            if (duplicate)
            {
                throw Fail(name, "has the same key twice");
            }
        }

        if (type is null || shape is null || offsets is not [var begin, var end])
        {
            throw Fail(name, "needs dtype, shape and data_offsets [begin, end]");
        }

        CheckSize(name, type.Value, shape, begin, end);
        return new TensorEntry(name, type.Value, shape, begin, end);
    }

    private readonly void CheckSize(string name, TensorType type, long[] shape, long begin, long end)
    {
        long bits;
        try
        {
            bits = checked(shape.Aggregate(1L, (product, size) => checked(product * size)) * type.Bits());
        }
        catch (OverflowException error)
        {
            throw new ModelLoadException(_file, name, $"shape [{string.Join(", ", shape)}] is too large to address", error);
        }

        // end - begin cannot overflow: both are non-negative. It is compared in bytes, as end could be near the
        // maximum.
        if (end < begin || bits % 8 != 0 || end - begin != bits / 8)
        {
            throw Fail(
                name, $"bytes {begin}..{end} do not hold {type.HeaderName()} [{string.Join(", ", shape)}], which takes {bits} bits");
        }
    }

    private TensorType ReadType(string name)
    {
        Expect(name, JsonTokenType.String, "dtype must be a string");
        var text = _reader.GetString()!;
        return TensorTypes.TryParse(text, out var type)
            ? type
            : throw Fail(name, $"dtype '{Shorten(text)}' is not known");
    }

    private long[] ReadIntegers(string name, string key, int maxCount)
    {
        Expect(name, JsonTokenType.StartArray, $"{key} must be an array");
        var values = new List<long>(2);
        while (_reader.Read() && _reader.TokenType != JsonTokenType.EndArray)
        {
            if (_reader.TokenType != JsonTokenType.Number || !_reader.TryGetInt64(out var value) || value < 0)
            {
                throw Fail(name, $"{key} must hold integers from 0 to {long.MaxValue}");
            }

            if (values.Count == maxCount)
            {
                throw Fail(name, $"{key} has more than {maxCount} entries");
            }

            values.Add(value);
        }

        return [.. values];
    }

    private void Expect(string name, JsonTokenType type, string rule)
    {
        _reader.Read();
        if (_reader.TokenType != type)
        {
            throw Fail(name, rule);
        }
    }

    private readonly ModelLoadException Fail(string? name, string reason) =>
        new(_file, name is null ? null : Shorten(name), reason);

    private static string Shorten(string text) => text.Length <= 120 ? text : text[..120] + "...";
}
