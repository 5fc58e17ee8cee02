using Stoker.Simulation.Traces;

namespace Stoker.Simulation.Comparing;

/// <summary>The share of a trace's prompts that one cache without an end would save: the bound of every router and every cache.</summary>
public static class EndlessCache
{
    public static double ShareOf(Trace trace)
    {
        var (known, saved, all) = (new HashSet<ulong>(), 0L, 0L);
        foreach (var arrival in trace.Arrivals)
        {
            var (blocks, held) = (arrival.Blocks ?? [], 0);
            while (held < blocks.Length && known.Contains(blocks[held])) held++;
            known.UnionWith(blocks);
            saved += Math.Min((long)held * MooncakeTrace.BlockTokens, arrival.PromptTokens - 1); // the last token is always computed
            all += arrival.PromptTokens;
        }

        return all > 0 ? (double)saved / all : 0;
    }
}
