using System.Text.Json;

namespace Stoker.Engine.Tokenization.Loading;

/// <summary>
/// tokenizer.json as read: the vocabulary and merges as tables, the small components as JSON that their own readers
/// interpret.
/// </summary>
internal sealed class TokenizerFile
{
    public const string Name = "tokenizer.json";

    /// <summary>Real files reach some 35 MB, and reading takes about five times a file's size in memory.</summary>
    private const long MaxFileBytes = 128L * 1024 * 1024;

    private static readonly JsonReaderOptions Options = new() { MaxDepth = 64 };
    private readonly Dictionary<string, ComponentJson> _components = [];

    public ModelJson Model { get; private set; } = null!;

    public static TokenizerFile Read(string modelFolder) => Parse(ReadBytes(Path.Combine(modelFolder, Name)));

    public static TokenizerFile Parse(ReadOnlySpan<byte> json)
    {
        if (!System.Text.Unicode.Utf8.IsValid(json)) throw new ModelLoadException(Name, null, "is not valid UTF-8");
        try
        {
            var file = new TokenizerFile();
            file.ReadAll(json);
            return file;
        }
        catch (JsonException error)
        {
            throw new ModelLoadException(Name, null, $"is not valid JSON (line {error.LineNumber + 1}, byte {error.BytePositionInLine})", error);
        }
        catch (InvalidOperationException error)
        {
            // The reader throws this for an escape that is half a surrogate pair.
            throw new ModelLoadException(Name, null, "holds a string that is not valid Unicode", error);
        }
    }

    /// <summary>A component by its key; null JSON when the file has none.</summary>
    public ComponentJson Component(string key) => _components.GetValueOrDefault(key, new ComponentJson(default, key));

    private static byte[] ReadBytes(string path)
    {
        try
        {
            if (new FileInfo(path) is not { Exists: true } file)
            {
                throw new ModelLoadException(Name, null, "is missing from the model folder");
            }
            if (file.Length > MaxFileBytes)
            {
                throw new ModelLoadException(Name, null, $"has {file.Length} bytes; at most {MaxFileBytes} are read");
            }
            return File.ReadAllBytes(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ModelLoadException(Name, null, "cannot be read", error);
        }
    }

    private void ReadAll(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, Options);
        JsonWalk.Enter(ref reader, JsonTokenType.StartObject, "the file");
        while (JsonWalk.NextMember(ref reader, out var key))
        {
            switch (key)
            {
                case "model":
                    ReadModel(ref reader);
                    break;
                case "added_tokens" or "normalizer" or "pre_tokenizer" or "post_processor" or "decoder":
                    var component = new ComponentJson(JsonElement.ParseValue(ref reader), key);
                    if (!_components.TryAdd(key, component)) throw component.Error("occurs twice");
                    break;
                default: // version; truncation and padding are for training
                    reader.Skip();
                    break;
            }
        }

        if (reader.Read()) throw new JsonException();
        if (Model is null) throw new ModelLoadException(Name, "model", "is missing");
    }

    private void ReadModel(ref Utf8JsonReader reader)
    {
        if (Model is not null) throw new ModelLoadException(Name, "model", "occurs twice");
        Model = ModelJson.Read(ref reader);
    }
}
