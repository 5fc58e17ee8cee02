using System.Globalization;
using System.Text.Json.Nodes;

namespace Stoker.Replica.Tests.Endpoints;

/// <summary>Copies of an addon, each of another strength, so that each has contents of its own. Gone with this object.</summary>
internal sealed class ScaledAddons(string original) : IDisposable
{
    private const string Config = "adapter_config.json", Weights = "adapter_model.safetensors";

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("stkr-");

    public string Folder(int index)
    {
        var folder = Path.Combine(_root.FullName, index.ToString(CultureInfo.InvariantCulture));
        if (Directory.Exists(folder)) return folder;
        Directory.CreateDirectory(folder);
        File.Copy(Path.Combine(original, Weights), Path.Combine(folder, Weights));
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(original, Config)))!.AsObject();
        config["lora_alpha"] = 4 + (index / 20.0);
        File.WriteAllText(Path.Combine(folder, Config), config.ToJsonString());
        return folder;
    }

    /// <summary>The second half of its weights is gone.</summary>
    public void Cut(int index)
    {
        using var file = new FileStream(Path.Combine(Folder(index), Weights), FileMode.Open);
        file.SetLength(file.Length / 2);
    }

    public void Dispose() => _root.Delete(recursive: true);
}
