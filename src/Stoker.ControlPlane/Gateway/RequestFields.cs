using System.Collections.Frozen;
using Stoker.Api.Replicas;

namespace Stoker.ControlPlane.Gateway;

/// <summary>Which of the generating endpoints a request came to.</summary>
[Flags]
internal enum Surface
{
    None = 0,
    Chat = 1,
    Text = 2,
    Both = Chat | Text,
}

/// <param name="Index">Its place in the set of fields seen.</param>
internal sealed record RequestField(string Name, int Index, Surface On);

/// <summary>Every top-level key that an inference request may have.</summary>
/// <remarks>
/// Names only: values, and known parameters that do not work, are refused by the replica in one place, because what
/// works depends on the engine behind it, which the gateway does not know. Its 400 reaches the client as it is.
/// </remarks>
internal static class RequestFields
{
    /// <summary>No key of the surface is longer; a longer one in a request is unknown without a look.</summary>
    public const int MaxNameLength = 64;

    private static readonly FrozenDictionary<string, RequestField> Table =
        Build().ToFrozenDictionary(field => field.Name);

    private static readonly FrozenDictionary<string, RequestField>.AlternateLookup<ReadOnlySpan<char>> ByName =
        Table.GetAlternateLookup<ReadOnlySpan<char>>();

    // An engine's own controls, which the gateway sets: a client that could set them would read others' cache or jump
    // the queue.
    private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> Internal =
        new[] { "cache_salt", "request_id", "priority", "kv_transfer_params", "vllm_xargs", ReplicaProtocol.ResumeField }
            .ToFrozenSet().GetAlternateLookup<ReadOnlySpan<char>>();

    public static IReadOnlyList<RequestField> All => Table.Values;

    public static RequestField? Find(ReadOnlySpan<char> name, Surface surface) =>
        ByName.TryGetValue(name, out var field) && (field.On & surface) != 0 ? field : null;

    /// <summary>Whether a key is refused even where unknown keys are let through.</summary>
    public static bool IsInternal(ReadOnlySpan<char> name) => Internal.Contains(name);

    private static IEnumerable<RequestField> Build()
    {
        var both = new[]
        {
            "model", "stream", "stream_options", "max_tokens", "max_completion_tokens", "min_tokens", "temperature", "top_p", "top_k",
            "min_p", "typical_p", "frequency_penalty", "presence_penalty", "repetition_penalty", "mirostat_target", "mirostat_lr",
            "logit_bias", "n", "stop", "seed", "logprobs", "top_logprobs", "ignore_eos", "echo", "echo_last",
            "context_length_exceeded_behavior", "response_format", "prediction", "speculation", "rewrite_speculation",
            "disable_speculation", "reasoning_effort", "reasoning_history", "thinking", "raw_output", "perf_metrics_in_response",
            "return_token_ids", "include_routing_matrix", "user", "metadata", "service_tier", "prompt_cache_key",
            "prompt_cache_isolation_key", "prompt_cache_max_len",
        };
        var chat = new[]
        {
            "messages", "tools", "tool_choice", "parallel_tool_calls", "functions", "function_call", "prompt_truncate_len",
            "safe_tokenization", "custom_chat_template", "store",
        };
        var text = new[] { "prompt", "images" };
        return both.Select(name => (name, on: Surface.Both))
            .Concat(chat.Select(name => (name, on: Surface.Chat)))
            .Concat(text.Select(name => (name, on: Surface.Text)))
            .Select((field, index) => new RequestField(field.name, index, field.on));
    }
}
