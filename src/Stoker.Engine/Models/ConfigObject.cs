using System.Text.Json;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Models;

/// <summary>
/// A JSON object of a model folder, read key by key with types and ranges. Absent and null are the same, as in the
/// files' own readers.
/// </summary>
/// <remarks>
/// Every number that sizes memory has an upper bound: a hostile file ends in an error and not in an allocation.
/// </remarks>
internal sealed class ConfigObject
{
    /// <summary>The largest public configs are some 100 KB (label maps).</summary>
    private const long MaxBytes = 4 << 20;

    private readonly JsonElement _element;
    private readonly string _path;

    private ConfigObject(string file, string path, JsonElement element) =>
        (File, _path, _element) = (file, path, element);

    public string File { get; }

    public IEnumerable<string> Keys => _element.EnumerateObject().Select(property => property.Name);

    /// <exception cref="ModelLoadException">Missing or not a JSON object.</exception>
    public static ConfigObject Read(string folder, string file)
    {
        using var document = JsonFile.Read(folder, file, MaxBytes);
        return document.RootElement.ValueKind == JsonValueKind.Object
            ? new ConfigObject(file, "", document.RootElement.Clone())
            : throw new ModelLoadException(file, null, "must hold a JSON object");
    }

    public bool Has(string key) => _element.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null;

    public int Integer(string key, int minimum, int maximum) =>
        OptionalInteger(key, minimum, maximum) ?? throw Fail(key, "is missing");

    public int? OptionalInteger(string key, int minimum, int maximum) =>
        Find(key) is { } value ? AsInteger(key, value, minimum, maximum) : null;

    public double Number(string key, double minimum, double maximum) =>
        OptionalNumber(key, minimum, maximum) ?? throw Fail(key, "is missing");

    public double? OptionalNumber(string key, double minimum, double maximum) =>
        Find(key) is { } value ? AsNumber(key, value, minimum, maximum) : null;

    public bool Flag(string key, bool absent) => Find(key) switch
    {
        null => absent,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        _ => throw Fail(key, "must be true or false"),
    };

    public string? Text(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.String } value => AsText(key, value),
        _ => throw Fail(key, "must be a string"),
    };

    public ConfigObject? Object(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Object } value => new ConfigObject(File, PathOf(key), value),
        _ => throw Fail(key, "must be an object"),
    };

    /// <summary>An integer or a list of them, as eos_token_id is; empty when absent.</summary>
    public IReadOnlyList<int> Integers(string key, int minimum, int maximum) => Find(key) switch
    {
        null => [],
        { ValueKind: JsonValueKind.Array } list => [.. list.EnumerateArray().Select(item => AsInteger(key, item, minimum, maximum))],
        { } value => [AsInteger(key, value, minimum, maximum)],
    };

    public IReadOnlyList<double>? Numbers(string key, double minimum, double maximum) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Array } list => [.. list.EnumerateArray().Select(item => AsNumber(key, item, minimum, maximum))],
        _ => throw Fail(key, "must be a list of numbers"),
    };

    public IReadOnlyList<string>? Texts(string key) => Find(key) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Array } list when list.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String) =>
            [.. list.EnumerateArray().Select(item => AsText(key, item))],
        _ => throw Fail(key, "must be a list of strings"),
    };

    /// <summary>
    /// True when the value is absent, null, false, an empty list or object, or "none": the ways to say "not used".
    /// </summary>
    public bool IsUnused(string key) => Find(key) switch
    {
        null or { ValueKind: JsonValueKind.False } => true,
        { ValueKind: JsonValueKind.Array } list => list.GetArrayLength() == 0,
        { ValueKind: JsonValueKind.Object } value => value.GetPropertyCount() == 0,
        { ValueKind: JsonValueKind.String } text => text.ValueEquals("none"),
        _ => false,
    };

    /// <summary>The key is there and says null, which for some keys differs from its absence.</summary>
    public bool IsNull(string key) =>
        _element.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.Null;

    public bool IsText(string key) => Find(key) is { ValueKind: JsonValueKind.String };

    public ModelLoadException Fail(string key, string reason) => new(File, PathOf(key), reason);

    private string PathOf(string key) => _path.Length == 0 ? key : $"{_path}.{key}";

    private JsonElement? Find(string key) =>
        _element.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private int AsInteger(string key, JsonElement value, int minimum, int maximum)
    {
        // 1e6 and 32.0 are integers too: some writers store every number as a float.
        var number = AsNumber(key, value, minimum, maximum);
        return number == Math.Floor(number) ? (int)number : throw Fail(key, $"is {number}, an integer is needed");
    }

    private double AsNumber(string key, JsonElement value, double minimum, double maximum)
    {
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out var number) || !double.IsFinite(number))
        {
            throw Fail(key, "must be a finite number");
        }

        return number >= minimum && number <= maximum
            ? number
            : throw Fail(key, $"is {number}, {minimum} to {maximum} is supported");
    }

    private string AsText(string key, JsonElement value)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException error)
        {
            throw new ModelLoadException(File, PathOf(key), "is not valid text", error); // a lone surrogate
        }
    }
}
