using System.Text.Json;

namespace Stoker.Engine.Weights;

/// <summary>
/// Reads one of a model folder's JSON files with limits; duplicate keys are refused, as readers disagree on which one
/// counts.
/// </summary>
/// <remarks>
/// Every string in a document from here can be read: half a surrogate pair, which the parser lets pass, is refused too.
/// </remarks>
internal static class JsonFile
{
    /// <summary>
    /// Of the small files; the largest public ones (configs with label maps, tokenizer_config.json) have some 2 MB.
    /// </summary>
    public const long SmallFileBytes = 16 << 20;

    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 32, AllowDuplicateProperties = false };

    private static ReadOnlySpan<byte> ByteOrderMark => [0xEF, 0xBB, 0xBF];

    /// <exception cref="ModelLoadException">Missing, too large or not valid JSON.</exception>
    public static JsonDocument Read(string folder, string file, long maxBytes)
    {
        var bytes = ReadBytes(folder, file, maxBytes);
        try
        {
            var start = bytes.AsSpan().StartsWith(ByteOrderMark) ? ByteOrderMark.Length : 0;
            var document = JsonDocument.Parse(bytes.AsMemory(start), Options);
            if (bytes.AsSpan().IndexOf(@"\ud"u8) >= 0 || bytes.AsSpan().IndexOf(@"\uD"u8) >= 0) ReadStrings(document.RootElement);
            return document;
        }
        catch (JsonException error)
        {
            throw new ModelLoadException(
                file, null, $"is not valid JSON (line {error.LineNumber + 1}, byte {error.BytePositionInLine})", error);
        }
        catch (InvalidOperationException error)
        {
            throw new ModelLoadException(file, null, "holds a string that is not valid Unicode", error);
        }
    }

    /// <summary>A file that may be missing; then the answer is null.</summary>
    /// <exception cref="ModelLoadException">There, but too large or not a JSON object.</exception>
    public static JsonDocument? FindObject(string folder, string file)
    {
        if (!File.Exists(Path.Combine(folder, file))) return null;
        var document = Read(folder, file, SmallFileBytes);
        if (document.RootElement.ValueKind == JsonValueKind.Object) return document;
        document.Dispose();
        throw new ModelLoadException(file, null, "must hold a JSON object");
    }

    private static byte[] ReadBytes(string folder, string file, long maxBytes)
    {
        try
        {
            using var stream = new FileStream(Path.Combine(folder, file), FileMode.Open, FileAccess.Read, FileShare.Read);
            var bytes = stream.Length <= maxBytes
                ? new byte[stream.Length]
                : throw new ModelLoadException(file, null, $"has {stream.Length} bytes, at most {maxBytes} are allowed");
            stream.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw Unreadable(file, error);
        }
    }

    /// <summary>
    /// Why a file cannot be read, without the system's own words: those name the whole path, and a client whose addon cannot be read
    /// gets to see the reason. They are in the inner exception.
    /// </summary>
    public static ModelLoadException Unreadable(string file, Exception error) => new(file, null, error switch
    {
        FileNotFoundException or DirectoryNotFoundException => "is missing",
        UnauthorizedAccessException => "cannot be read: this process may not",
        _ => "cannot be read",
    }, error);

    // As deep as the options allow.
    private static void ReadStrings(JsonElement element)
    {
        if (element.ValueKind == JsonValueKind.String) _ = element.GetString();
        if (element.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in element.EnumerateArray()) ReadStrings(item);
        }
        if (element.ValueKind != JsonValueKind.Object) return;
        foreach (var property in element.EnumerateObject())
        {
            _ = property.Name;
            ReadStrings(property.Value);
        }
    }
}
