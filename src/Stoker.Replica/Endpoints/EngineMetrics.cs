using System.Globalization;
using Stoker.Engine;

namespace Stoker.Replica.Endpoints;

/// <summary>What other engines have no name for: how steps are made up and what they cost. docs/replica.md lists it.</summary>
internal static class EngineMetrics
{
    public static void Write(PrometheusText text, EngineStatistics now)
    {
        text.Family("stoker_engine_info", "gauge", "What the engine computes with; the labels say it, the value is 1.");
        var labels = $"kernel_set=\"{PrometheusText.Escaped(now.KernelSet)}\",precision=\"{now.Precision}\",kv_precision=\"{now.KvPrecision}\","
            + $"threads=\"{now.Threads.ToString(CultureInfo.InvariantCulture)}\"";
        text.Sample("stoker_engine_info", labels, 1);
        var work = now.StepWork;
        (string Name, StepPhase Phase)[] phases = [("prefill", work.Prefill), ("decode", work.Decode), ("mixed", work.Mixed)];
        text.Family("stoker_engine_step_seconds_total", "counter", "Time in steps that compute prompts, continue answers, or both.");
        foreach (var (name, phase) in phases) text.Sample("stoker_engine_step_seconds_total", Steps(name), phase.Seconds);
        text.Family("stoker_engine_step_tokens_total", "counter", "Tokens computed in such steps, of prompts and of answers.");
        foreach (var (name, phase) in phases)
        {
            text.Sample("stoker_engine_step_tokens_total", $"{Steps(name)},tokens=\"prefill\"", phase.PrefillTokens);
            text.Sample("stoker_engine_step_tokens_total", $"{Steps(name)},tokens=\"decode\"", phase.DecodeTokens);
        }

        text.Histogram("stoker_engine_step_time_seconds", "Time of a step.", work.Time);
        text.Histogram("stoker_engine_step_sequences", "Sequences in a step: the batch.", work.Sequences);
        text.Gauge("stoker_engine_heartbeat_age_seconds", "Since the loop last began a step; 0 while there is nothing to do.", now.HeartbeatAge.TotalSeconds);
        text.Counter("stoker_engine_watchdog_trips", "Requests given up because steps brought nothing new: a bug of the engine.", now.WatchdogTrips);
        text.Counter("stoker_engine_refused_requests", "Requests that the engine turned away at the door.", now.Refused);
        WriteSpeculation(text, now);
    }

    private static void WriteSpeculation(PrometheusText text, EngineStatistics now)
    {
        text.Counter("stoker_engine_prediction_tokens", "Tokens of predictions, for each choice again.", now.Speculation.PredictionTokens);
        text.Counter("stoker_engine_prediction_matched_tokens", "Tokens of answers that stood where the prediction said.", now.Speculation.PredictionMatched);
        text.Counter("stoker_engine_drafter_faults", "Steps in which the drafter failed; after three in a row it is left alone.", now.DrafterFaults);
    }

    private static string Steps(string name) => $"steps=\"{name}\"";
}
