using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using Stoker.Api.Problems;

namespace Stoker.ControlPlane.Resources;

/// <summary>
/// Compares a JSON text with a type: unknown properties, duplicate ones and wrong types, each with its path, all in one
/// go.
/// </summary>
internal ref struct JsonShape
{
    private const int MaxViolations = 20; // a hostile body must not make a large answer
    private const int MaxShownName = 64;

    private readonly Violations _violations = new();
    private Utf8JsonReader _reader;

    private JsonShape(ReadOnlySpan<byte> body) => _reader = new Utf8JsonReader(body);

    /// <exception cref="JsonException">The text is no JSON at all, or nests too deeply.</exception>
    public static Violations Check(ReadOnlySpan<byte> body, JsonTypeInfo type)
    {
        var shape = new JsonShape(body);
        shape._reader.Read();
        shape.Value(type, "");
        shape._reader.Read(); // throws on text behind the value
        return shape._violations;
    }

    private void Value(JsonTypeInfo type, string path)
    {
        switch (_reader.TokenType, type.Kind)
        {
            case (JsonTokenType.Null, _):
                break;
            case (JsonTokenType.StartObject, JsonTypeInfoKind.Object):
                Object(type, path);
                break;
            case (JsonTokenType.StartObject, JsonTypeInfoKind.Dictionary):
                Dictionary(type.Options.GetTypeInfo(type.ElementType!), path);
                break;
            case (JsonTokenType.StartArray, JsonTypeInfoKind.Enumerable):
                Array(type.Options.GetTypeInfo(type.ElementType!), path);
                break;
            default:
                if (Expected(type) is { } expected && !Fits(type)) Add(path, $"must be {expected}, was {Seen()}");
                _reader.Skip();
                break;
        }
    }

    private void Object(JsonTypeInfo type, string path)
    {
        var seen = new HashSet<string>();
        while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = _reader.GetString()!;
            var property = type.Properties.FirstOrDefault(property => property.Name == name);
            var at = Join(path, name);
            if (property is null) Add(at, "is no field of this request: check its spelling");
            else if (!seen.Add(name)) Add(at, "is there twice");
            _reader.Read();
            if (property is null) _reader.Skip();
            else if (property.NumberHandling is { } handling && handling.HasFlag(JsonNumberHandling.AllowReadingFromString)) Int64(at);
            else Value(type.Options.GetTypeInfo(property.PropertyType), at);
        }
    }

    private void Dictionary(JsonTypeInfo element, string path)
    {
        var seen = new HashSet<string>();
        while (_reader.Read() && _reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = _reader.GetString()!;
            if (!seen.Add(name)) Add(Join(path, name), "is there twice");
            _reader.Read();
            Value(element, Join(path, name));
        }
    }

    private void Array(JsonTypeInfo element, string path)
    {
        for (var i = 0; _reader.Read() && _reader.TokenType != JsonTokenType.EndArray; i++) Value(element, $"{path}[{i}]");
    }

    private void Int64(string path)
    {
        var fits = _reader.TokenType switch
        {
            JsonTokenType.Null => true,
            JsonTokenType.Number => _reader.TryGetInt64(out _),
            JsonTokenType.String => long.TryParse(_reader.GetString(), System.Globalization.CultureInfo.InvariantCulture, out _),
            _ => false,
        };
        if (!fits) Add(path, $"must be a 64-bit whole number, as text or number, was {Seen()}");
        _reader.Skip();
    }

    private bool Fits(JsonTypeInfo type)
    {
        var plain = Nullable.GetUnderlyingType(type.Type) ?? type.Type;
        return _reader.TokenType switch
        {
            JsonTokenType.String when plain == typeof(DateTimeOffset) => _reader.TryGetDateTimeOffset(out _),
            JsonTokenType.String => plain == typeof(string),
            JsonTokenType.Number when plain == typeof(int) => _reader.TryGetInt32(out _),
            JsonTokenType.Number when plain == typeof(long) => _reader.TryGetInt64(out _),
            JsonTokenType.Number => plain == typeof(double),
            JsonTokenType.True or JsonTokenType.False => plain == typeof(bool),
            _ => false,
        };
    }

    private static string? Expected(JsonTypeInfo type)
    {
        var plain = Nullable.GetUnderlyingType(type.Type) ?? type.Type;
        return type.Kind switch
        {
            JsonTypeInfoKind.Object or JsonTypeInfoKind.Dictionary => "an object",
            JsonTypeInfoKind.Enumerable => "an array",
            _ when plain == typeof(string) => "a string",
            _ when plain == typeof(bool) => "true or false",
            _ when plain == typeof(int) => "a 32-bit whole number",
            _ when plain == typeof(long) => "a 64-bit whole number",
            _ when plain == typeof(double) => "a number",
            _ when plain == typeof(DateTimeOffset) => "a time such as 2030-01-31T12:00:00Z",
            _ => null, // a type of its own converter: the serializer checks it
        };
    }

    private readonly string Seen() => _reader.TokenType switch
    {
        JsonTokenType.StartObject => "an object",
        JsonTokenType.StartArray => "an array",
        JsonTokenType.String => "a string",
        JsonTokenType.Number => "a number of another kind or size",
        _ => "a truth value",
    };

    private readonly void Add(string path, string description)
    {
        if (_violations.Items.Count < MaxViolations) _violations.Add(path.Length == 0 ? "body" : path, description);
    }

    private static string Join(string path, string name)
    {
        var shown = name.Length <= MaxShownName ? name : name[..MaxShownName] + "...";
        return path.Length == 0 ? shown : $"{path}.{shown}";
    }
}
