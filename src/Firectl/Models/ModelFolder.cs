using Stoker.Api.Problems;

namespace Firectl.Models;

/// <summary>
/// A local folder of Hugging Face files, as far as an upload needs to know it; what the files hold is the server's to
/// check.
/// </summary>
internal sealed class ModelFolder
{
    private static readonly string[] Needed = ["config.json", Models.AdapterFacts.ConfigFile];

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

        return new ModelFolder([.. read.Select(ModelFile.Of)], [.. all.Except(read).Select(file => file.Name)], all.Exists(file => file.Name == Models.AdapterFacts.ConfigFile));
    }

    /// <summary>What the model of an addon has to name.</summary>
    public AdapterFacts AdapterFacts() => Models.AdapterFacts.Read(Find(Models.AdapterFacts.ConfigFile)!, Find(Models.AdapterFacts.WeightsFile));

    private FileInfo? Find(string name) => Files.FirstOrDefault(file => file.Name == name)?.Content;

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
