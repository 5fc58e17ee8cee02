using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Stoker.ControlPlane.Resources;

/// <summary>
/// Where a page ended: the last record's place in the order and its name, so that changes in between skip or repeat
/// nothing else.
/// </summary>
/// <param name="Query">A digest of filter, order and collection: a token continues the very list that issued
/// it.</param>
internal sealed record PageToken(string Query, IReadOnlyList<string?> Place, string Name)
{
    private const int MaxLength = 4_096;

    public static string Digest(params ReadOnlySpan<string> parts) =>
        Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', parts!)))).AsSpan(0, 16).ToString();

    public static PageToken? Parse(string text)
    {
        if (text.Length > MaxLength || !Base64Url.IsValid(text)) return null;
        try
        {
            return JsonSerializer.Deserialize(Base64Url.DecodeFromChars(text), PageTokenJson.Default.PageToken);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    public static string? Text(FieldValue value) => value.Content switch
    {
        null => null,
        DateTimeOffset instant => instant.ToString("O", CultureInfo.InvariantCulture),
        double number => number.ToString("R", CultureInfo.InvariantCulture),
        var other => Convert.ToString(other, CultureInfo.InvariantCulture),
    };

    public override string ToString() =>
        Base64Url.EncodeToString(JsonSerializer.SerializeToUtf8Bytes(this, PageTokenJson.Default.PageToken));
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(PageToken))]
internal sealed partial class PageTokenJson : JsonSerializerContext;
