using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using Stoker.Engine;

namespace Stoker.Replica.Endpoints;

/// <summary>
/// <c>/metrics</c>: Prometheus text under vLLM's names, so that one autoscaler and one dashboard serve every engine.
/// </summary>
internal sealed class MetricsEndpoint(ReplicaContext context)
{
    public async Task HandleAsync(HttpContext http)
    {
        var text = new PrometheusText($"model_name=\"{PrometheusText.Escaped(context.ServedModelName)}\",engine=\"0\"");
        if (context.Slot.Engine is { } engine)
        {
            var now = engine.Statistics;
            Write(text, now);
            EngineMetrics.Write(text, now);
            if (engine.Addons is { } addons) AddonMetrics.Write(text, addons, context.Time.GetUtcNow());
        }

        var body = Encoding.UTF8.GetBytes(text.ToString());
        http.Response.ContentType = "text/plain; version=0.0.4; charset=utf-8";
        http.Response.ContentLength = body.Length;
        await http.Response.Body.WriteAsync(body, http.RequestAborted);
    }

    private static void Write(PrometheusText text, EngineStatistics now)
    {
        text.Gauge("vllm:num_requests_running", "Sequences that hold KV blocks.", now.Running);
        text.Gauge("vllm:num_requests_waiting", "Sequences that wait for their first step.", now.Waiting);
        text.Gauge("vllm:kv_cache_usage_perc", "Share of the KV blocks in use, 0 to 1.", now.KvUsage);
        text.Counter("vllm:num_preemptions", "Sequences put back to free KV blocks.", now.Preemptions);
        text.Counter("vllm:prompt_tokens", "Prompt tokens of the requests that ran.", now.PromptTokens);
        text.Counter("vllm:prompt_tokens_cached", "Of those, taken from the KV cache.", now.CachedPromptTokens);
        text.Counter("vllm:prefix_cache_queries", "Prompt tokens that were looked for in the prefix cache.", now.QueriedPromptTokens);
        text.Counter("vllm:prefix_cache_hits", "Prompt tokens that were found there.", now.CachedPromptTokens);
        text.Counter("vllm:generation_tokens", "Generated tokens.", now.GeneratedTokens);
        text.Family("vllm:request_success_total", "counter", "Ended choices by reason.");
        foreach (var reason in Enum.GetValues<FinishReason>())
        {
            text.Sample("vllm:request_success_total", $"finished_reason=\"{Reason(reason)}\"", now.Finished.GetValueOrDefault(reason));
        }

        WriteSpeculation(text, now.Speculation);
        text.Histogram("vllm:time_to_first_token_seconds", "From submission to the first token.", now.TimeToFirstToken);
        text.Histogram("vllm:inter_token_latency_seconds", "Between two tokens of a choice.", now.InterTokenLatency);
        text.Histogram("vllm:request_time_per_output_token_seconds", "A token after the first, mean of a choice.", now.TimePerOutputToken);
        text.Histogram("vllm:e2e_request_latency_seconds", "From submission to a request's end.", now.EndToEndLatency);
        text.Histogram("vllm:request_queue_time_seconds", "From submission to the first step.", now.QueueTime);
        text.Histogram("vllm:request_prefill_time_seconds", "From the first step to the first token.", now.PrefillTime);
        text.Histogram("vllm:request_decode_time_seconds", "From the first token to a request's end.", now.DecodeTime);
        text.Histogram("vllm:request_prompt_tokens", "Prompt tokens of a request.", now.RequestPromptTokens);
        text.Histogram("vllm:request_generation_tokens", "Generated tokens of a request.", now.RequestGenerationTokens);
        text.Histogram("vllm:iteration_tokens_total", "Tokens computed in one step.", now.StepWork.Rows);
        text.Family("vllm:cache_config_info", "gauge", "The KV cache's shape.");
        text.Sample("vllm:cache_config_info", string.Create(
            CultureInfo.InvariantCulture, $"block_size=\"{now.KvBlockSize}\",num_gpu_blocks=\"{now.KvBlocksTotal}\""), 1);
    }

    private static void WriteSpeculation(PrometheusText text, SpeculationStatistics now)
    {
        const string PerPosition = "vllm:spec_decode_num_accepted_tokens_per_pos_total";
        text.Counter("vllm:spec_decode_num_drafts", "Times that drafts of a sequence were verified.", now.Verifications);
        text.Counter("vllm:spec_decode_num_draft_tokens", "Drafts that were verified.", now.Drafted);
        text.Counter("vllm:spec_decode_num_accepted_tokens", "Drafts that became tokens of an answer.", now.Accepted);
        text.Family(PerPosition, "counter", "Those by their place among the drafts of a verification, from 0 on.");
        for (var position = 0; position < now.AcceptedByPosition.Count; position++)
        {
            text.Sample(PerPosition, string.Create(CultureInfo.InvariantCulture, $"position=\"{position}\""), now.AcceptedByPosition[position]);
        }
    }

    private static string Reason(FinishReason reason) => reason switch
    {
        FinishReason.Stop => "stop",
        FinishReason.Length => "length",
        FinishReason.Cancelled => "abort",
        _ => "error",
    };
}

/// <summary>Writes the Prometheus text format, version 0.0.4. Every sample carries the replica's labels.</summary>
internal sealed class PrometheusText(string labels)
{
    private readonly StringBuilder _text = new(4096);

    public static string Escaped(string label) =>
        label.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);

    public void Gauge(string name, string help, double value)
    {
        Family(name, "gauge", help);
        Sample(name, null, value);
    }

    /// <summary>Its sample has the suffix that Prometheus clients give counters.</summary>
    public void Counter(string name, string help, double value)
    {
        Family($"{name}_total", "counter", help);
        Sample($"{name}_total", null, value);
    }

    public void Histogram(string name, string help, HistogramSnapshot histogram)
    {
        Family(name, "histogram", help);
        var below = 0L;
        for (var index = 0; index < histogram.Counts.Count; index++)
        {
            below += histogram.Counts[index];
            var bound = index < histogram.Bounds.Count ? histogram.Bounds[index].ToString(CultureInfo.InvariantCulture) : "+Inf";
            Sample($"{name}_bucket", $"le=\"{bound}\"", below);
        }

        Sample($"{name}_sum", null, histogram.Sum);
        Sample($"{name}_count", null, below);
    }

    public void Family(string name, string type, string help) => _text.Append("# HELP ").Append(name).Append(' ').Append(help)
        .Append("\n# TYPE ").Append(name).Append(' ').Append(type).Append('\n');

    public void Sample(string name, string? label, double value) => _text.Append(name).Append('{').Append(labels)
        .Append(label is null ? "" : ",").Append(label).Append("} ").Append(value.ToString(CultureInfo.InvariantCulture)).Append('\n');

    public override string ToString() => _text.ToString();
}
