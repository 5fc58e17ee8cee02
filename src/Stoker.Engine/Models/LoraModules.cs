using Stoker.Engine.Weights;

namespace Stoker.Engine.Models;

/// <summary>One changed projection: A [rank, inputs] and B [outputs, rank].</summary>
/// <param name="Path">The module in the base model, such as <c>model.layers.0.self_attn.q_proj</c>.</param>
internal sealed record LoraModule(string Path, int Rank, long Inputs, long Outputs)
{
    /// <summary>The last part of the path, such as <c>q_proj</c>.</summary>
    public string Kind => Path[(Path.LastIndexOf('.') + 1)..];
}

/// <summary>Reads pairs of LoRA tensors from their names; whatever is not half of a pair is refused.</summary>
internal static class LoraModules
{
    public const string Prefix = "base_model.model.";
    public const string SuffixA = ".lora_A.weight";
    public const string SuffixB = ".lora_B.weight";

    /// <summary>The projections that an addon may change, by block: linear layers whose inputs the engine can tap.</summary>
    private static readonly Dictionary<string, string[]> Kinds = new(StringComparer.Ordinal)
    {
        ["self_attn"] = ["q_proj", "k_proj", "v_proj", "qkv_proj", "o_proj"],
        ["mlp"] = ["gate_proj", "up_proj", "gate_up_proj", "down_proj"],
    };

    /// <exception cref="ModelLoadException">A tensor without its other half, of a wrong shape or type, or for another
    /// kind of module.</exception>
    public static IReadOnlyList<LoraModule> Pair(Checkpoint checkpoint)
    {
        var tensors = checkpoint.Tensors.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
        var modules = new List<LoraModule>();
        foreach (var tensor in tensors.Values.OrderBy(tensor => tensor.Name, StringComparer.Ordinal))
        {
            CheckKind(tensor);
            var other = tensor.Name.EndsWith(SuffixA, StringComparison.Ordinal)
                ? tensor.Name[..^SuffixA.Length] + SuffixB
                : tensor.Name[..^SuffixB.Length] + SuffixA;
            if (!tensors.TryGetValue(other, out var half))
            {
                throw Fail(tensor, $"stands without {other}");
            }

            if (tensor.Name.EndsWith(SuffixA, StringComparison.Ordinal))
            {
                modules.Add(Module(tensor, half));
            }
        }

        return modules.Count > 0 ? modules : throw new ModelLoadException(PeftAddon.WeightsFile, null, "holds no tensor");
    }

    /// <summary>
    /// True for the path of a projection of attention or of a dense MLP. The one rule of what an addon may change, at upload and when it
    /// is loaded: experts of a mixture are none, since rows of one expert are gathered from many sequences.
    /// </summary>
    public static bool CanChange(string path) =>
        path.Split('.') is ["model", "layers", _, var block, var kind] && Kinds.TryGetValue(block, out var kinds) && kinds.Contains(kind);

    private static void CheckKind(TensorEntry tensor)
    {
        var isPart = tensor.Name.EndsWith(SuffixA, StringComparison.Ordinal) || tensor.Name.EndsWith(SuffixB, StringComparison.Ordinal);
        if (!isPart || !tensor.Name.StartsWith(Prefix, StringComparison.Ordinal))
        {
            throw Fail(tensor, $"is not named {Prefix}MODULE{SuffixA} or ..{SuffixB}: embeddings, biases, DoRA and saved modules are not supported");
        }

        if (!tensor.Type.IsComputable() || tensor.Shape.Count != 2)
        {
            throw Fail(tensor, $"is {tensor.Type.HeaderName()} {tensor.ShapeText}; a matrix of BF16, F16 or F32 is needed");
        }
    }

    private static LoraModule Module(TensorEntry a, TensorEntry b)
    {
        if (a.Shape[0] != b.Shape[1] || a.Shape[0] is < 1 or > int.MaxValue)
        {
            throw Fail(a, $"has shape {a.ShapeText}, which does not fit lora_B's {b.ShapeText}: [r, in] and [out, r] are needed");
        }

        var module = new LoraModule(a.Name[Prefix.Length..^SuffixA.Length], (int)a.Shape[0], a.Shape[1], b.Shape[0]);
        return CanChange(module.Path)
            ? module
            : throw Fail(
                a, $"changes '{module.Path}'; addons may change {string.Join(" and ", Kinds.Select(block => $"{string.Join(", ", block.Value)} of {block.Key}"))} in model.layers.N, "
                + "and no experts of a mixture");
    }

    private static ModelLoadException Fail(TensorEntry tensor, string reason) =>
        new(PeftAddon.WeightsFile, tensor.Name, reason);
}
