using Stoker.Simulation.Fleet;
using Stoker.Simulation.Policies;
using Stoker.Simulation.Traces;

namespace Stoker.Simulation.Comparing;

/// <summary>
/// The smallest constant fleet that would have done, known only afterwards: the mark for policies, which do not know
/// what comes.
/// </summary>
public static class HindsightFleet
{
    /// <summary>One request in a thousand waits long.</summary>
    public const double UsualLongWaits = 0.001;

    /// <param name="most">The share of long waits that is still good.</param>
    public static (int Replicas, SimulationResult Result) Find(Trace trace, SimulationSetup setup, double most = UsualLongWaits)
    {
        var high = Math.Max(1, (int)Math.Ceiling(setup.MeanLoad(trace) / setup.Replica.Slots));
        var best = Run(high);
        var low = best.LongWaitShare <= most ? 0 : high; // the largest fleet known not to do
        while (best.LongWaitShare > most && high < setup.Capacity)
        {
            low = high;
            best = Run(high = Math.Min(high * 2, setup.Capacity));
        }

        while (high - low > 1)
        {
            var middle = (low + high) / 2;
            var result = Run(middle);
            if (result.LongWaitShare <= most) (high, best) = (middle, result);
            else low = middle;
        }

        return (high, best);

        SimulationResult Run(int count) => FleetSimulation.Run(trace, setup, new ConstantFleet(count));
    }
}
