using System.Text.Json;

namespace Stoker.Benchmarks.LlamaCpp;

/// <summary>
/// The npm package whose prebuilt llama.cpp is compared with: found in the folder that npm installed into, and refused
/// unless it is the very build that <see cref="LlamaLibrary"/> was written for.
/// </summary>
internal sealed record PeerPackage(string Libraries, string Version, string Release)
{
    private const string KnownVersion = "3.22.1";
    private const string KnownRelease = "v0.5.0";

    /// <param name="folder">Where <c>npm install node-llama-cpp@3.22.1</c> was run.</param>
    /// <exception cref="UsageException">Not there, or another build.</exception>
    public static PeerPackage Find(string folder)
    {
        var package = Path.Combine(folder, "node_modules", "@node-llama-cpp", "linux-x64");
        var libraries = Path.Combine(package, "bins", "linux-x64");
        if (!Directory.Exists(libraries))
        {
            throw new UsageException($"{folder} has no @node-llama-cpp/linux-x64: run npm install --ignore-scripts node-llama-cpp@{KnownVersion} there.");
        }

        var version = Text(Path.Combine(package, "package.json"), "version");
        var release = Text(Path.Combine(libraries, "_nlcBuildMetadata.json"), "buildOptions", "llamaCpp", "release");
        return version == KnownVersion && release == KnownRelease
            ? new(libraries, version, release)
            : throw new UsageException($"The package is {version} with llama.cpp {release}; structs are declared for {KnownVersion} with {KnownRelease} only.");
    }

    private static string Text(string path, params string[] keys)
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(path));
        return keys.Aggregate(document.RootElement, (element, key) => element.GetProperty(key)).GetString() ?? "";
    }
}
