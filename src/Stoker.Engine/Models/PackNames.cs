namespace Stoker.Engine.Models;

/// <summary>Names of a packed model's matrices and vectors: the graph's own, the same for every architecture.</summary>
internal static class PackNames
{
    /// <summary>Only where it is not tied: a tied one is read from the head's panels.</summary>
    public const string Embedding = "embedding";

    public const string Head = "head";

    public const string FinalNorm = "final_norm";

    /// <summary>Gemma: the factor of every embedding, a vector of one.</summary>
    public const string EmbeddingFactor = "embedding_factor";

    public const string AttentionNorm = "attention_norm";

    /// <summary>Rows of q, then of k, then of v.</summary>
    public const string Qkv = "qkv";

    public const string Output = "output";

    public const string QueryNorm = "query_norm";

    public const string KeyNorm = "key_norm";

    public const string AttentionOutputNorm = "attention_output_norm";

    public const string MlpNorm = "mlp_norm";

    public const string MlpOutputNorm = "mlp_output_norm";

    public const string Router = "router";

    public const string Gate = "gate";

    public const string Up = "up";

    public const string Down = "down";

    public static string Layer(int layer) => $"layers.{layer}.";

    public static string Expert(int layer, int expert) => $"layers.{layer}.experts.{expert}.";

    /// <summary>The bias of the projection of that name.</summary>
    public static string Bias(string projection) => projection + "_bias";
}
