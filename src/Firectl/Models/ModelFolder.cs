using System.Text.Json;
using Stoker.Api.Problems;

namespace Firectl.Models;

/// <summary>
/// A local folder of Hugging Face files, as far as an upload needs to know it; what the files hold is the server's to
/// check.
/// </summary>
internal sealed class ModelFolder
{
    private static readonly string[] Needed = ["config.json", "adapter_config.json"];

    private ModelFolder(IReadOnlyList<ModelFile> files, IReadOnlyList<string> leftOut, bool isAddon) =>
        (Files, LeftOut, IsAddon) = (files, leftOut, isAddon);

    /// <summary>The files to upload, by name.</summary>
    public IReadOnlyList<ModelFile> Files { get; }

    /// <summary>Names of files that no engine reads: documentation, other formats.</summary>
    public IReadOnlyList<string> LeftOut { get; }

    /// <summary>Whether it is a PEFT adapter.</summary>
    public bool IsAddon { get; }

    public static ModelFolder Open(string path)
    {
        if (path.StartsWith("s3://", StringComparison.OrdinalIgnoreCase))
        {
            throw new ProblemException(Problem.Unimplemented("upload from S3 does not work yet: copy the files into a folder and give its path"));
        }

        if (!Directory.Exists(path))
        {
            throw new ProblemException(Problem.InvalidArgument($"there is no folder '{path}'"));
        }

        var all = new DirectoryInfo(path).GetFiles().OrderBy(file => file.Name, StringComparer.Ordinal).ToList();
        if (!all.Exists(file => Needed.Contains(file.Name)))
        {
            throw new ProblemException(Problem.InvalidArgument($"'{path}' is no model folder: it has neither config.json nor adapter_config.json"));
        }

        var read = all.Where(file => IsRead(file.Name)).ToList();
        if (!read.Exists(file => file.Extension == ".safetensors"))
        {
            var pickled = all.Exists(file => file.Extension is ".bin" or ".pt" or ".pth");
            throw new ProblemException(Problem.InvalidArgument(
                $"'{path}' has no .safetensors file" + (pickled ? "; pickled weights (.bin) can run code when they are read and are refused: convert them to safetensors" : "")));
        }

        return new ModelFolder([.. read.Select(ModelFile.Of)], [.. all.Except(read).Select(file => file.Name)], all.Exists(file => file.Name == "adapter_config.json"));
    }

    /// <summary>Rank and target modules from <c>adapter_config.json</c>.</summary>
    public (int? Rank, IReadOnlyList<string>? TargetModules) AdapterFacts()
    {
        try
        {
            using var config = JsonDocument.Parse(File.ReadAllBytes(Files.First(file => file.Name == "adapter_config.json").Content.FullName));
            return config.RootElement.ValueKind == JsonValueKind.Object
                ? (RankIn(config.RootElement), ModulesIn(config.RootElement))
                : throw Wrong("must be a JSON object");
        }
        // The second: text that is no UTF-8, which is found only when it is read.
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            throw Wrong(error.Message);
        }
    }

    /// <summary>Null is as good as absent: then the server says what is missing.</summary>
    private static int? RankIn(JsonElement config)
    {
        if (!config.TryGetProperty("r", out var rank) || rank.ValueKind == JsonValueKind.Null) return null;
        return rank.ValueKind == JsonValueKind.Number && rank.TryGetInt32(out var value) ? value : throw Wrong("r must be a whole number");
    }

    /// <summary>An expression names no modules: the files tell which ones it means.</summary>
    private static List<string>? ModulesIn(JsonElement config)
    {
        if (!config.TryGetProperty("target_modules", out var targets) || targets.ValueKind is JsonValueKind.Null or JsonValueKind.String) return null;
        return targets.ValueKind == JsonValueKind.Array && targets.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String)
            ? [.. targets.EnumerateArray().Select(item => item.GetString()!)]
            : throw Wrong("target_modules must be a list of names, or an expression");
    }

    private static ProblemException Wrong(string what) => new(Problem.InvalidArgument($"adapter_config.json: {what}"));

    private static bool IsRead(string name) =>
        name.EndsWith(".safetensors", StringComparison.Ordinal)
        || (name.EndsWith(".json", StringComparison.Ordinal) && name is not "train_log.json" and not "golden.json")
        || name.EndsWith(".jinja", StringComparison.Ordinal)
        || name is "tokenizer.model" or "merges.txt" or "vocab.txt";
}

/// <summary>
/// A file to upload: its name in the folder, and where its bytes lie. They differ in a Hugging Face cache, whose
/// folders hold links.
/// </summary>
internal sealed record ModelFile(string Name, FileInfo Content)
{
    public long Length => Content.Length;

    public static ModelFile Of(FileInfo file)
    {
        var content = file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo ?? file;
        return content.Exists
            ? new(file.Name, content)
            : throw new ProblemException(Problem.InvalidArgument($"{file.FullName} is a link to {content.FullName}, and there is no file there"));
    }
}
