using Stoker.Api.Resources;

namespace Firectl.Deployments;

/// <summary>Draft models that are known to pay for a family of models; of the hosted platform's table.</summary>
internal static class RecommendedDrafts
{
    private const string Library = "accounts/fireworks/models/";
    private const long LeastParameters = 3_300_000_000; // "more than 3B": the 3B models of both families have some 3.1e9

    /// <summary>Null where nothing is known, and for models that draft by themselves.</summary>
    public static (string Model, int Tokens)? For(ModelResource model)
    {
        if (model is not { Kind: "HF_BASE_MODEL" or "CUSTOM_MODEL", DefaultDraftModel: null or "", BaseModelDetails: { ParameterCount: > LeastParameters } details }) return null;
        return details.ModelType switch
        {
            "llama" => (Library + "llama-v3p2-1b-instruct", 4),
            "qwen2" => (Library + "qwen2p5-0p5b-instruct", 4),
            _ => null,
        };
    }
}
