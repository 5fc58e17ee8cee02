using System.Globalization;
using System.Text.Json;

namespace Stoker.Replica.Requests;

/// <summary>
/// Reads one value at the reader's position. Null counts as absent; anything else that does not fit is refused by name
/// and range.
/// </summary>
internal static class Field
{
    // A field name comes from the client and may be as long as the body.
    private const int ShownLength = 100;

    public static string Shown(string name) =>
        name.Length <= ShownLength ? name : string.Concat(name.AsSpan(0, ShownLength), "...");

    public static double? Number(ref Utf8JsonReader reader, string path, double least, double most, bool leastExcluded = false)
    {
        if (reader.TokenType == JsonTokenType.Null) return null;
        var fits = reader.TokenType == JsonTokenType.Number && reader.TryGetDouble(out var value) && double.IsFinite(value)
            && (leastExcluded ? value > least : value >= least) && value <= most;
        return fits ? reader.GetDouble() : throw Refused(path, FormattableString.Invariant(
            $"must be a number {(leastExcluded ? "above" : "from")} {least} {(leastExcluded ? "and up to" : "to")} {most}"));
    }

    public static long? Integer(ref Utf8JsonReader reader, string path, long least, long most)
    {
        if (reader.TokenType == JsonTokenType.Null) return null;
        var fits = reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out var value) && value >= least && value <= most;
        return fits ? reader.GetInt64() : throw Refused(path, string.Create(
            CultureInfo.InvariantCulture, $"must be an integer from {least} to {most}"));
    }

    public static bool? Flag(ref Utf8JsonReader reader, string path) => reader.TokenType switch
    {
        JsonTokenType.Null => null,
        JsonTokenType.True => true,
        JsonTokenType.False => false,
        _ => throw Refused(path, "must be true or false"),
    };

    public static string? Text(ref Utf8JsonReader reader, string path)
    {
        if (reader.TokenType == JsonTokenType.Null) return null;
        if (reader.TokenType != JsonTokenType.String) throw Refused(path, "must be a string");
        return Unescaped(ref reader, path);
    }

    /// <summary>The property name at the reader's position.</summary>
    public static string Name(ref Utf8JsonReader reader, string path) => Unescaped(ref reader, path);

    public static void Begin(ref Utf8JsonReader reader, JsonTokenType type, string path)
    {
        if (reader.TokenType != type)
        {
            throw Refused(path, type == JsonTokenType.StartArray ? "must be an array" : "must be an object");
        }
    }

    public static ApiException Refused(string path, string rule) =>
        new(ApiError.Invalid(path, $"'{path}' {rule}."));

    public static ApiException Unknown(string path) => new(ApiError.Invalid(
        path, $"Extra inputs are not permitted, field: '{path}'", "unknown_parameter"));

    public static ApiException Repeated(string path) => new(ApiError.Invalid(
        path, $"The field '{path}' is given twice; send it once.", "duplicate_parameter"));

    private static string Unescaped(ref Utf8JsonReader reader, string path)
    {
        try
        {
            return reader.GetString()!;
        }
        catch (InvalidOperationException) // the runtime's answer to \ud800 alone
        {
            throw Refused(path, "has an escape that is half a surrogate pair; send whole characters");
        }
    }
}
