using System.Globalization;

namespace Stoker.Replica.Tests.Endpoints;

public sealed class MetricsEndpointTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Counts_what_was_asked_and_answered_under_the_known_names()
    {
        await using var replica = await (await RunningReplica.StartAsync(change: options => options with { ServedModelName = "a\"b" })).LoadedAsync();
        var ask = """{"model":"a\"b","prompt":"Once","max_tokens":5}""";
        (await replica.PostAsync("/v1/completions", ask)).Status.ShouldBe(200);
        var text = await replica.Client.GetStringAsync("/metrics", Stop);
        Value(text, "vllm:prompt_tokens_total").ShouldBe(4);
        Value(text, "vllm:generation_tokens_total").ShouldBe(5);
        Value(text, "vllm:num_requests_running").ShouldBe(0);
        Value(text, "vllm:request_success_total", ",finished_reason=\"length\"").ShouldBe(1);
        Value(text, "vllm:request_success_total", ",finished_reason=\"stop\"").ShouldBe(0);
        Value(text, "vllm:time_to_first_token_seconds_bucket", ",le=\"+Inf\"").ShouldBe(1);
        Value(text, "vllm:inter_token_latency_seconds_count").ShouldBe(4);
        Value(text, "vllm:e2e_request_latency_seconds_count").ShouldBe(1);
    }

    [Fact]
    public async Task Counts_what_was_looked_for_and_found_in_the_prefix_cache()
    {
        await using var replica = await (await RunningReplica.StartAsync(
            RunningReplica.Fast with { PrefixCacheTokens = 1000 }, change: options => options with { ServedModelName = "a\"b" })).LoadedAsync();
        var ask = $$"""{"model":"a\"b","prompt":"{{new string('x', 40)}}","max_tokens":1}""";
        await replica.PostAsync("/v1/completions", ask);
        await replica.PostAsync("/v1/completions", ask);
        var text = await replica.Client.GetStringAsync("/metrics", Stop);
        Value(text, "vllm:prefix_cache_queries_total").ShouldBe(80);
        Value(text, "vllm:prefix_cache_hits_total").ShouldBe(32);
    }

    [Fact]
    public async Task The_text_is_well_formed_and_buckets_only_grow()
    {
        await using var replica = await (await RunningReplica.StartAsync()).LoadedAsync();
        await replica.PostAsync("/v1/completions", """{"model":"sim","prompt":"Once","n":3}""");
        var last = double.NegativeInfinity;
        foreach (var line in (await replica.Client.GetStringAsync("/metrics", Stop)).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.StartsWith('#'))
            {
                line.ShouldMatch("^# (HELP|TYPE) (vllm:|stoker_engine_)[a-z_0-9]+ .+$");
                last = double.NegativeInfinity;
                continue;
            }

            line.ShouldMatch("""^(vllm:|stoker_engine_)[a-z_0-9]+\{model_name="sim",engine="0"(,[a-z_]+="[^"]*")*\} [-+0-9.eE]+$""");
            if (!line.Contains("_bucket{", StringComparison.Ordinal)) continue;
            var value = double.Parse(line[(line.LastIndexOf(' ') + 1)..], CultureInfo.InvariantCulture);
            value.ShouldBeGreaterThanOrEqualTo(last);
            last = value;
        }
    }

    private static double Value(string text, string name, string label = "")
    {
        var start = $"{name}{{model_name=\"a\\\"b\",engine=\"0\"{label}}} ";
        var line = text.Split('\n').Single(line => line.StartsWith(start, StringComparison.Ordinal));
        return double.Parse(line[start.Length..], CultureInfo.InvariantCulture);
    }
}
