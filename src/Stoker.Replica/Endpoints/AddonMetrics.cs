using System.Globalization;
using Stoker.Replica.Engines;

namespace Stoker.Replica.Endpoints;

/// <summary>What addons do; only of a replica that takes them.</summary>
internal static class AddonMetrics
{
    public static void Write(PrometheusText text, AddonNames names, DateTimeOffset now)
    {
        var statistics = names.Statistics;
        var states = names.States();
        var named = names.All.Where(addon => states.ContainsKey(addon.Addon.Digest)).Select(addon => (addon.Name, State: states[addon.Addon.Digest])).ToList();
        var running = Names(named.Where(addon => addon.State.Running > 0).Select(addon => addon.Name));
        var waiting = Names(named.Where(addon => addon.State.Requests > addon.State.Running).Select(addon => addon.Name));
        text.Family("vllm:lora_requests_info", "gauge", "Addons that requests run and wait with; the value is the time.");
        text.Sample(
            "vllm:lora_requests_info",
            string.Create(CultureInfo.InvariantCulture, $"max_lora=\"{statistics.MaxLoaded}\",running_lora_adapters=\"{running}\",waiting_lora_adapters=\"{waiting}\""),
            now.ToUnixTimeMilliseconds() / 1000.0);
        text.Gauge("stoker_engine_addons_registered", "Addons that requests may name.", statistics.Registered);
        text.Gauge("stoker_engine_addons_loaded", "Of those, in memory.", statistics.Loaded);
        text.Gauge("stoker_engine_addon_pool_bytes", "Memory set aside for addons.", statistics.PoolBytes);
        text.Gauge("stoker_engine_addon_pool_used_bytes", "Of that, taken.", statistics.UsedBytes);
        text.Counter("stoker_engine_addon_loads", "Times that an addon came into memory.", statistics.Loads);
        text.Counter("stoker_engine_addon_evictions", "Times that one left it for another.", statistics.Evictions);
        text.Counter("stoker_engine_addon_failures", "Times that one could not be brought into memory.", statistics.Failures);
    }

    private static string Names(IEnumerable<string> names) => PrometheusText.Escaped(string.Join(',', names));
}
