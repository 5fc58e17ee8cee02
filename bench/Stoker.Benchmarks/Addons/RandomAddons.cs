using System.Globalization;
using Stoker.Benchmarks.RandomModels;

namespace Stoker.Benchmarks.Addons;

/// <summary>Addons for the random models: noise in all seven projections of every layer, bf16, as PEFT writes it.</summary>
internal static class RandomAddons
{
    /// <summary>Folders of so many addons; those that are there already are taken.</summary>
    public static string[] Folders(string root, RandomShape shape, int count, int rank) =>
        [.. Enumerable.Range(0, count).Select(index => Folder(root, shape, index, rank))];

    private static string Folder(string root, RandomShape shape, int index, int rank)
    {
        var folder = Path.Combine(root, string.Create(CultureInfo.InvariantCulture, $"{shape.Name}-addon-r{rank}-{index}"));
        var weights = Path.Combine(folder, "adapter_model.safetensors");
        if (File.Exists(weights)) return folder;
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "adapter_config.json"), string.Create(CultureInfo.InvariantCulture, $$"""
            {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": "{{shape.Name}}", "r": {{rank}}, "lora_alpha": {{2 * rank}},
             "target_modules": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]}

            """));
        SafetensorsWriter.Write(weights, [.. Tensors(shape, rank)], seed: 1000 + (ulong)index); // last: a folder that has it is whole
        return folder;
    }

    private static IEnumerable<RandomTensor> Tensors(RandomShape shape, int rank)
    {
        var (hidden, inner, queries, keys) = (shape.Hidden, shape.Intermediate, shape.Heads * shape.HeadDim, shape.KvHeads * shape.HeadDim);
        (string Name, int Outputs, int Inputs)[] modules =
        [
            ("self_attn.q_proj", queries, hidden), ("self_attn.k_proj", keys, hidden), ("self_attn.v_proj", keys, hidden),
            ("self_attn.o_proj", hidden, queries), ("mlp.gate_proj", inner, hidden), ("mlp.up_proj", inner, hidden), ("mlp.down_proj", hidden, inner),
        ];
        for (var layer = 0; layer < shape.Layers; layer++)
        {
            foreach (var (name, outputs, inputs) in modules)
            {
                var at = $"base_model.model.model.layers.{layer}.{name}.";
                yield return new(at + "lora_A.weight", [rank, inputs], Filling.Normal);
                yield return new(at + "lora_B.weight", [outputs, rank], Filling.Normal);
            }
        }
    }
}
