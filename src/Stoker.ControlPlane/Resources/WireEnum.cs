using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Stoker.ControlPlane.Resources;

/// <summary>
/// Enumerations on the wire are their names in upper snake case: <c>HfBaseModel</c> ↔ <c>HF_BASE_MODEL</c>.
/// </summary>
public static class WireEnum
{
    public static string TextOf<T>(T value)
        where T : struct, Enum => Table<T>.Texts[value];

    /// <summary>Case counts, and numbers are no names.</summary>
    public static bool TryParse<T>([NotNullWhen(true)] string? text, out T value)
        where T : struct, Enum
    {
        value = default;
        return text is not null && Table<T>.Values.TryGetValue(text, out value);
    }

    /// <summary>All names, for messages: <c>FP16, FP8, ...</c>.</summary>
    public static string NamesOf<T>()
        where T : struct, Enum => string.Join(", ", Table<T>.Values.Keys);

    private static class Table<T>
        where T : struct, Enum
    {
        public static readonly Dictionary<T, string> Texts =
            Enum.GetValues<T>().ToDictionary(value => value, value => JsonNamingPolicy.SnakeCaseUpper.ConvertName(value.ToString()));

        public static readonly Dictionary<string, T> Values = Texts.ToDictionary(pair => pair.Value, pair => pair.Key);
    }
}
