using System.Text.Json.Nodes;

namespace Stoker.Engine.Tests;

/// <summary>A copy of a model folder to be damaged, deleted at the end of a test.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("stoker-test-").FullName;

    public static TemporaryFolder CopyOf(string folder)
    {
        var copy = new TemporaryFolder();
        foreach (var file in Directory.EnumerateFiles(folder))
        {
            var target = copy.File(System.IO.Path.GetFileName(file));
            System.IO.File.Copy(file, target);
            System.IO.File.SetAttributes(target, FileAttributes.Normal); // fixtures may be read-only
        }

        return copy;
    }

    public string File(string name) => System.IO.Path.Combine(Path, name);

    /// <summary>Sets one key of a JSON file; a null node removes it.</summary>
    public void SetJson(string file, string key, JsonNode? value)
    {
        var root = JsonNode.Parse(System.IO.File.ReadAllText(File(file)))!.AsObject();
        root.Remove(key);
        if (value is not null)
        {
            root[key] = value;
        }

        System.IO.File.WriteAllText(File(file), root.ToJsonString());
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
