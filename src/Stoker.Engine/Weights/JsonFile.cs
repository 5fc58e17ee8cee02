using System.Text.Json;

namespace Stoker.Engine.Weights;

/// <summary>Reads one of a model folder's JSON files with limits; duplicate keys are refused, as readers disagree on which one counts.</summary>
internal static class JsonFile
{
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 32, AllowDuplicateProperties = false };

    /// <exception cref="ModelLoadException">Missing, too large or not valid JSON.</exception>
    public static JsonDocument Read(string folder, string file, long maxBytes)
    {
        try
        {
            using var stream = new FileStream(Path.Combine(folder, file), FileMode.Open, FileAccess.Read, FileShare.Read);
            return stream.Length <= maxBytes
                ? JsonDocument.Parse(stream, Options)
                : throw new ModelLoadException(file, null, $"has {stream.Length} bytes, at most {maxBytes} are allowed");
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ModelLoadException(file, null, "is missing from the model folder", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ModelLoadException(file, null, $"cannot be read ({error.Message})", error);
        }
        catch (JsonException error)
        {
            throw new ModelLoadException(
                file, null, $"is not valid JSON (line {error.LineNumber + 1}, byte {error.BytePositionInLine})", error);
        }
    }
}
