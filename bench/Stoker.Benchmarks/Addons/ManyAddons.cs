using System.Globalization;
using System.Text.Json.Nodes;

namespace Stoker.Benchmarks.Addons;

/// <summary>
/// Folders of addons for story-3m, every one with contents of its own: those of the library in turns, each at another strength.
/// Gone with this object.
/// </summary>
internal sealed class ManyAddons : IDisposable
{
    public const string Config = "adapter_config.json", Weights = "adapter_model.safetensors";

    private static readonly string Models = Path.Combine(AppContext.BaseDirectory, "models");

    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("stkb-addons-");

    public ManyAddons(int count) => Folders = [.. Enumerable.Range(0, count).Select(Make)];

    public static string Base { get; } = Path.Combine(Models, "story-3m");

    public IReadOnlyList<string> Folders { get; }

    public static string Name(int index) => string.Create(CultureInfo.InvariantCulture, $"a{index}");

    public static string WeightsIn(string folder) => Path.Combine(folder, Weights);

    /// <summary>The second half of its weights is gone.</summary>
    public static void Cut(string weights)
    {
        using var file = new FileStream(weights, FileMode.Open);
        file.SetLength(file.Length / 2);
    }

    public void Dispose() => _root.Delete(recursive: true);

    private string Make(int index)
    {
        var original = Path.Combine(Models, index % 2 == 0 ? "story-3m-lora-zog" : "story-3m-lora-bolt");
        var folder = Directory.CreateDirectory(Path.Combine(_root.FullName, Name(index))).FullName;
        File.Copy(WeightsIn(original), WeightsIn(folder));
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(original, Config)))!.AsObject();
        config["lora_alpha"] = 8 + (index / 64.0);
        File.WriteAllText(Path.Combine(folder, Config), config.ToJsonString());
        return folder;
    }
}
