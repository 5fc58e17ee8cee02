using Stoker.Engine;
using Stoker.Replica.Endpoints;

namespace Stoker.Replica.Tests.Endpoints;

public sealed class EngineMetricsTests
{
    private static readonly HistogramSnapshot Two = new([1, 8], [3, 2, 1], 40);

    private static readonly EngineStatistics Statistics = new()
    {
        Running = 0,
        Waiting = 0,
        KvBlocksUsed = 0,
        KvBlocksTotal = 1,
        Steps = 6,
        Preemptions = 0,
        WatchdogTrips = 2,
        PromptTokens = 0,
        QueriedPromptTokens = 0,
        CachedPromptTokens = 0,
        GeneratedTokens = 0,
        Refused = 3,
        Finished = new Dictionary<FinishReason, long>(),
        QueueTime = HistogramSnapshot.Empty,
        TimeToFirstToken = HistogramSnapshot.Empty,
        InterTokenLatency = HistogramSnapshot.Empty,
        TimePerOutputToken = HistogramSnapshot.Empty,
        EndToEndLatency = HistogramSnapshot.Empty,
        HeartbeatAge = TimeSpan.FromSeconds(1.5),
        KernelSet = "vector512",
        Precision = "int8",
        KvPrecision = "bf16",
        Threads = 2,
        StepWork = new() { Prefill = new(1, 100, 0, 0.5), Decode = new(4, 0, 32, 0.25), Mixed = new(1, 50, 8, 0.125), Sequences = Two },
    };

    [Theory]
    [InlineData("stoker_engine_info{a=\"b\",kernel_set=\"vector512\",precision=\"int8\",kv_precision=\"bf16\",threads=\"2\"} 1")]
    [InlineData("stoker_engine_step_seconds_total{a=\"b\",steps=\"prefill\"} 0.5")]
    [InlineData("stoker_engine_step_seconds_total{a=\"b\",steps=\"decode\"} 0.25")]
    [InlineData("stoker_engine_step_seconds_total{a=\"b\",steps=\"mixed\"} 0.125")]
    [InlineData("stoker_engine_step_tokens_total{a=\"b\",steps=\"prefill\",tokens=\"prefill\"} 100")]
    [InlineData("stoker_engine_step_tokens_total{a=\"b\",steps=\"decode\",tokens=\"decode\"} 32")]
    [InlineData("stoker_engine_step_tokens_total{a=\"b\",steps=\"mixed\",tokens=\"prefill\"} 50")]
    [InlineData("stoker_engine_step_tokens_total{a=\"b\",steps=\"mixed\",tokens=\"decode\"} 8")]
    [InlineData("stoker_engine_step_sequences_bucket{a=\"b\",le=\"8\"} 5")]
    [InlineData("stoker_engine_step_sequences_bucket{a=\"b\",le=\"+Inf\"} 6")]
    [InlineData("stoker_engine_heartbeat_age_seconds{a=\"b\"} 1.5")]
    [InlineData("stoker_engine_watchdog_trips_total{a=\"b\"} 2")]
    [InlineData("stoker_engine_refused_requests_total{a=\"b\"} 3")]
    public void What_steps_computed_has_a_line_each(string line)
    {
        var text = new PrometheusText("a=\"b\"");
        EngineMetrics.Write(text, Statistics);
        text.ToString().Split('\n').ShouldContain(line);
    }
}
