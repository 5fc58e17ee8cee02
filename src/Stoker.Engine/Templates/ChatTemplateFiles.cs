using System.Text;
using System.Text.Json;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Templates;

/// <summary>Finds a model folder's templates and special tokens.</summary>
/// <remarks>
/// <c>chat_template.jinja</c> wins over the <c>chat_template</c> of <c>tokenizer_config.json</c>, which is a string or a list of named
/// templates; <c>additional_chat_templates/NAME.jinja</c> adds named ones. The one called <c>tool_use</c> serves
/// requests with tools.
/// </remarks>
internal static class ChatTemplateFiles
{
    private const string TemplateFile = "chat_template.jinja";
    private const string MoreTemplates = "additional_chat_templates";
    private const string ConfigFile = "tokenizer_config.json";
    private const string TokenMapFile = "special_tokens_map.json";

    private sealed record Source(string File, string? Item, string Text);

    public static ChatTemplate? Load(string modelFolder)
    {
        using var config = JsonFile.FindObject(modelFolder, ConfigFile);
        using var tokenMap = JsonFile.FindObject(modelFolder, TokenMapFile);
        var sources = new Dictionary<string, Source>(StringComparer.Ordinal);
        if (config is not null) AddFromConfig(config.RootElement, sources);
        if (ReadText(modelFolder, TemplateFile) is { } own) sources["default"] = new(TemplateFile, null, own);
        AddMore(modelFolder, sources);
        if (sources.Count == 0) return null;
        if (!sources.TryGetValue("default", out var source))
        {
            throw new ModelLoadException(ConfigFile, "chat_template",
                $"the named templates ({string.Join(", ", sources.Keys)}) lack one called 'default'");
        }
        var tokens = new Dictionary<string, object?>(StringComparer.Ordinal);
        if (tokenMap is not null) AddTokens(tokenMap.RootElement, tokens);
        if (config is not null) AddTokens(config.RootElement, tokens);
        return new(Parsed(source), sources.TryGetValue("tool_use", out var toolUse) ? Parsed(toolUse) : null, tokens);
    }

    private static ParsedTemplate Parsed(Source source)
    {
        try
        {
            return ParsedTemplate.Parse(source.Text, TemplateLimits.Default);
        }
        catch (TemplateException error)
        {
            throw new ModelLoadException(source.File, source.Item, error.Line is { } line ? $"line {line}: {error.Reason}" : error.Reason, error);
        }
    }

    private static void AddFromConfig(JsonElement config, Dictionary<string, Source> sources)
    {
        if (!config.TryGetProperty("chat_template", out var template) || template.ValueKind == JsonValueKind.Null) return;
        if (template.ValueKind == JsonValueKind.String)
        {
            sources["default"] = new(ConfigFile, "chat_template", template.GetString()!);
            return;
        }
        if (template.ValueKind != JsonValueKind.Array) throw Malformed();
        foreach (var named in template.EnumerateArray())
        {
            if (named.ValueKind != JsonValueKind.Object || Text(named, "name") is not { } name || Text(named, "template") is not { } text) throw Malformed();
            sources[name] = new(ConfigFile, $"chat_template '{name}'", text);
        }
    }

    private static ModelLoadException Malformed() =>
        new(ConfigFile, "chat_template", "must be a string or a list of objects with 'name' and 'template'");

    private static string? Text(JsonElement element, string property) =>
        element.TryGetProperty(property, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static void AddMore(string modelFolder, Dictionary<string, Source> sources)
    {
        var folder = Path.Combine(modelFolder, MoreTemplates);
        if (!Directory.Exists(folder)) return;
        foreach (var path in Directory.EnumerateFiles(folder, "*.jinja").Order(StringComparer.Ordinal))
        {
            var file = $"{MoreTemplates}/{Path.GetFileName(path)}";
            sources[Path.GetFileNameWithoutExtension(path)] = new(file, null, ReadText(modelFolder, file)!);
        }
    }

    /// <summary>
    /// Every <c>..._token</c>, a string or an object with its content; other keys are not the template's business.
    /// </summary>
    private static void AddTokens(JsonElement config, Dictionary<string, object?> tokens)
    {
        foreach (var property in config.EnumerateObject())
        {
            if (property.Name.EndsWith("_token", StringComparison.Ordinal) && TokenText(property.Value) is { } token)
                tokens[property.Name] = token;
            if (property.Name == "additional_special_tokens" && property.Value.ValueKind == JsonValueKind.Array)
                tokens[property.Name] = new TemplateList([.. property.Value.EnumerateArray().Select(TokenText).OfType<Text>()]);
        }
    }

    private static Text? TokenText(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => Templates.Text.Template(value.GetString()!),
        JsonValueKind.Object => Text(value, "content") is { } content ? Templates.Text.Template(content) : null,
        _ => null,
    };

    private static string? ReadText(string modelFolder, string file)
    {
        try
        {
            var path = Path.Combine(modelFolder, file);
            if (new FileInfo(path) is not { Exists: true } found) return null;
            if (found.Length > JsonFile.SmallFileBytes)
                throw new ModelLoadException(file, null, $"has {found.Length} bytes, at most {JsonFile.SmallFileBytes} are allowed");
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(File.ReadAllBytes(path)).TrimStart('\uFEFF');
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or DecoderFallbackException)
        {
            throw new ModelLoadException(file, null, error is DecoderFallbackException ? "is no UTF-8 text" : error.Message, error);
        }
    }
}
