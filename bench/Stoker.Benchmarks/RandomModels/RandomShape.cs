namespace Stoker.Benchmarks.RandomModels;

/// <summary>The sizes of a model that is filled with noise: those of a well-known one, since speed depends on sizes only.</summary>
/// <param name="Family"><c>llama</c> or <c>qwen2</c>: names in config.json, tokenizer pattern, biases.</param>
/// <param name="Specials">Added tokens at the end of the tokenizer's ids.</param>
/// <param name="Padding">Rows of the embedding that no token has.</param>
internal sealed record RandomShape(
    string Name, string Family, int Hidden, int Layers, int Heads, int KvHeads, int HeadDim, int Intermediate,
    int Vocabulary, int Specials, int Padding, int ContextLength, double RopeTheta, double NormEpsilon)
{
    /// <summary>The rope scaling of the real 1B model is left out: it changes cosines, not time.</summary>
    public static readonly RandomShape Llama1B = new(
        "llama-3.2-1b", "llama", 2048, 16, 32, 8, 64, 8192, 128_256, Specials: 256, Padding: 0, 8192, 500_000, 1e-5);

    public static readonly RandomShape Qwen05B = new(
        "qwen2.5-0.5b", "qwen2", 896, 24, 14, 2, 64, 4864, 151_936, Specials: 22, Padding: 271, 32_768, 1_000_000, 1e-6);

    /// <summary>Drafts for it: a pass costs some 8 % of its step, most of it the output head.</summary>
    public static readonly RandomShape Qwen05BDraft = Qwen05B with { Name = "qwen2.5-0.5b-draft", Hidden = 192, Layers = 2, Heads = 3, KvHeads = 1, Intermediate = 768 };

    /// <summary>For tests: hidden 256, so that Q6_K has a whole block in a row.</summary>
    public static readonly RandomShape TinyLlama = new(
        "tiny-llama", "llama", 256, 2, 4, 2, 64, 512, 1024, Specials: 8, Padding: 0, 4096, 10_000, 1e-5);

    /// <summary>For tests: biases, and sizes that Q6_K does not divide.</summary>
    public static readonly RandomShape TinyQwen = new(
        "tiny-qwen2", "qwen2", 96, 2, 3, 1, 32, 160, 1024, Specials: 8, Padding: 24, 4096, 10_000, 1e-6);

    public static readonly RandomShape[] All = [Llama1B, Qwen05B, Qwen05BDraft, TinyLlama, TinyQwen];

    public bool HasBias => Family == "qwen2";

    /// <summary>Bytes and merges.</summary>
    public int Entries => Vocabulary - Specials - Padding;

    /// <exception cref="UsageException">No such shape.</exception>
    public static RandomShape Find(string name) => Array.Find(All, shape => shape.Name == name)
        ?? throw new UsageException($"There is no shape '{name}'; known: {string.Join(", ", All.Select(shape => shape.Name))}.");

    /// <exception cref="UsageException">Too few for the 256 bytes and the special tokens.</exception>
    public RandomShape WithVocabulary(int vocabulary) => vocabulary - Specials - Padding >= 256
        ? this with { Vocabulary = vocabulary }
        : throw new UsageException($"--vocab must be at least {256 + Specials + Padding} for {Name}, was {vocabulary}.");

    /// <summary>Every weight under its Hugging Face name. The output head is the embedding, as in both real models.</summary>
    public IEnumerable<RandomTensor> Tensors()
    {
        var (query, keyValue) = (Heads * HeadDim, KvHeads * HeadDim);
        yield return new("model.embed_tokens.weight", [Vocabulary, Hidden], Filling.Normal);
        for (var layer = 0; layer < Layers; layer++)
        {
            var at = $"model.layers.{layer}.";
            yield return new(at + "input_layernorm.weight", [Hidden], Filling.Ones);
            foreach (var (name, rows) in new[] { ("q", query), ("k", keyValue), ("v", keyValue) })
            {
                yield return new($"{at}self_attn.{name}_proj.weight", [rows, Hidden], Filling.Normal);
                if (HasBias) yield return new($"{at}self_attn.{name}_proj.bias", [rows], Filling.Normal);
            }
            yield return new(at + "self_attn.o_proj.weight", [Hidden, query], Filling.Normal);
            yield return new(at + "post_attention_layernorm.weight", [Hidden], Filling.Ones);
            yield return new(at + "mlp.gate_proj.weight", [Intermediate, Hidden], Filling.Normal);
            yield return new(at + "mlp.up_proj.weight", [Intermediate, Hidden], Filling.Normal);
            yield return new(at + "mlp.down_proj.weight", [Hidden, Intermediate], Filling.Normal);
        }
        yield return new("model.norm.weight", [Hidden], Filling.Ones);
    }
}

/// <summary>What a random tensor holds: noise of deviation 0.02 (as models are initialised), or ones (norms).</summary>
internal enum Filling
{
    Normal, Ones,
}

internal sealed record RandomTensor(string Name, long[] Shape, Filling Filling)
{
    public long ElementCount => Shape.Aggregate(1L, (product, size) => product * size);
}
