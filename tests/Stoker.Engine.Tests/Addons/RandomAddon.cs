using System.Text.Json.Nodes;
using Stoker.Engine.Addons;
using Stoker.Engine.Models;
using Stoker.Engine.Tests.Weights;

namespace Stoker.Engine.Tests.Addons;

/// <summary>A folder with an addon of random numbers for a base model: the modules, ranks and settings that a test asks for.</summary>
internal static class RandomAddon
{
    /// <param name="baseFolder">The model that it fits.</param>
    /// <param name="ranks">By module path; 0 leaves a module alone.</param>
    /// <param name="alpha">Of all modules.</param>
    public static TemporaryFolder Write(string baseFolder, Func<string, int> ranks, int seed, double alpha = 8, Action<JsonObject>? change = null)
    {
        var (folder, random, file) = (new TemporaryFolder(), new Random(seed), new SafetensorsBuilder());
        var places = new AddonPlaces(Spec(baseFolder));
        var modules = places.Paths().Select(path => (Path: path, Rank: ranks(path))).Where(module => module.Rank > 0).ToList();
        foreach (var (path, rank) in modules)
        {
            var site = places.Find(path)!;
            file.Add($"base_model.model.{path}.lora_A.weight", [rank, site.Inputs], Values(rank * site.Inputs, random));
            file.Add($"base_model.model.{path}.lora_B.weight", [site.Outputs, rank], Values(site.Outputs * rank, random));
        }

        File.WriteAllBytes(folder.File(PeftAddon.WeightsFile), file.Build());
        var config = new JsonObject
        {
            ["peft_type"] = "LORA",
            ["r"] = 8,
            ["lora_alpha"] = alpha,
            ["target_modules"] = new JsonArray([.. modules.Select(module => JsonValue.Create(module.Path))]),
            ["rank_pattern"] = new JsonObject(modules.Select(module => KeyValuePair.Create(module.Path.Replace(".", "\\.", StringComparison.Ordinal), (JsonNode?)module.Rank))),
        };
        change?.Invoke(config);
        File.WriteAllText(folder.File(PeftAddon.ConfigFile), config.ToJsonString());
        return folder;
    }

    public static TemporaryFolder Write(string baseFolder, int rank, int seed) => Write(baseFolder, _ => rank, seed);

    public static DecoderSpec Spec(string folder) => Architectures.Read(ConfigObject.Read(folder, LanguageModel.ConfigFile));

    /// <summary>Multiples of 1/64 up to 1/4: exact in bf16, so that the pool's rounding is no part of a comparison.</summary>
    private static float[] Values(int count, Random random)
    {
        var values = new float[count];
        foreach (ref var value in values.AsSpan()) value = random.Next(-16, 17) / 64f;
        return values;
    }
}
