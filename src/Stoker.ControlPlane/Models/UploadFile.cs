using System.Buffers;
using System.Globalization;
using Stoker.Api.Problems;

namespace Stoker.ControlPlane.Models;

/// <summary>
/// Which files a model may consist of. Names are bare and of an allow list, so that no path is ever made of what a
/// client sends.
/// </summary>
internal static class UploadFile
{
    private const int MaxNameLength = 128;

    private static readonly SearchValues<char> Allowed =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

    private static readonly string[] Names =
    [
        "tokenizer.model", "vocab.txt", "merges.txt", "chat_template.jinja", "README.md", "LICENSE", "LICENSE.txt", "LICENSE.md", "NOTICE", "NOTICE.txt", "USE_POLICY.md",
    ];

    /// <summary>Why a name is refused; null when it is fine.</summary>
    public static string? Fault(string name)
    {
        if (name.Length is 0 or > MaxNameLength) return $"must be 1 to {MaxNameLength} characters long";
        if (name.Contains('/') || name.Contains('\\')) return "must be a bare file name without folders";
        if (name[0] == '.' || name.AsSpan().ContainsAnyExcept(Allowed))
        {
            return "must be of letters, digits, '.', '_' and '-', not starting with '.'";
        }

        return Path.GetExtension(name) switch
        {
            _ when Names.Contains(name) => null,
            _ when name == "fireworks.json" => "is not read in this version: use generation_config.json and chat_template.jinja",
            ".safetensors" or ".json" => null,
            ".bin" or ".pt" or ".pth" or ".ckpt" or ".pkl" or ".pickle" =>
                "is a pickle file, which runs code when it is opened: convert the weights to safetensors",
            ".py" => "is code, which is never run here: leave it out",
            ".gguf" => "is a GGUF file: upload the Hugging Face files with safetensors",
            _ => $"is none of the files that a model consists of: *.safetensors, *.json, {string.Join(", ", Names)}",
        };
    }

    /// <summary>A request's list of files, checked as a whole.</summary>
    public static Result<Dictionary<string, long>> Manifest(IReadOnlyDictionary<string, string>? filenameToSize, ModelOptions options)
    {
        if (filenameToSize is not { Count: > 0 })
        {
            return Problem.InvalidArgument("filename_to_size is required: the size in bytes of each file");
        }

        if (filenameToSize.Count > options.MaxFiles)
        {
            return Problem.InvalidArgument($"filename_to_size names {filenameToSize.Count} files, at most {options.MaxFiles} are allowed");
        }

        var (violations, manifest, total) = (new Violations(), new Dictionary<string, long>(), (Int128)0);
        foreach (var (name, text) in filenameToSize)
        {
            if (Fault(name) is { } fault)
            {
                violations.Add("filename_to_size", $"'{Shown(name)}' {fault}");
            }
            else if (!long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var size))
            {
                violations.Add("filename_to_size", $"the size of '{name}' must be a whole number of bytes, was '{Shown(text)}'");
            }
            else
            {
                manifest[name] = size;
                total += size;
            }
        }

        violations.Require(
            total <= options.MaxModelBytes, "filename_to_size", $"is {total} bytes in all, at most {options.MaxModelBytes} are allowed");
        return violations.Any ? violations.ToProblem() : manifest;
    }

    private static string Shown(string text) => text.Length <= 60 ? text : text[..60] + "...";
}
