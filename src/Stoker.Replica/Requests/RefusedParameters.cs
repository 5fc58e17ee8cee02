namespace Stoker.Replica.Requests;

/// <summary>
/// Parameters of the surface that do not work here yet. They are refused by name: nothing is accepted and then ignored.
/// </summary>
internal static class RefusedParameters
{
    private const string NoTools = "tool calling is not available on this deployment yet; leave it out";
    private const string NoReasoning = "reasoning control is not available on this deployment yet; leave it out";
    private const string NoMirostat = "mirostat sampling is not available; use temperature, top_p, top_k or min_p";

    private static readonly Dictionary<string, string> Reasons = new(StringComparer.Ordinal)
    {
        ["tools"] = NoTools,
        ["tool_choice"] = NoTools,
        ["parallel_tool_calls"] = NoTools,
        ["functions"] = NoTools,
        ["function_call"] = NoTools,
        ["rewrite_speculation"] = "predictions are used as they are; leave it out",
        ["mirostat_target"] = NoMirostat,
        ["mirostat_lr"] = NoMirostat,
        ["images"] = "this model reads text only; leave it out",
        ["reasoning_effort"] = NoReasoning,
        ["reasoning_history"] = NoReasoning,
        ["thinking"] = NoReasoning,
        ["custom_chat_template"] = "the model's own chat template is used; send a rendered prompt to /v1/completions instead",
        ["prompt_cache_max_len"] = "bounding prompt cache reuse is not available on this deployment yet; leave it out",
        ["include_routing_matrix"] = "routing matrices are not available; leave it out",
    };

    public static IReadOnlyCollection<string> Names => Reasons.Keys;

    /// <summary>Why the parameter is refused; null when it is none of these.</summary>
    public static string? Reason(string name) => Reasons.GetValueOrDefault(name);
}
