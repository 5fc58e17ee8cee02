using System.CommandLine;
using Stoker.Api.Problems;
using Stoker.Simulation.Comparing;
using Stoker.Simulation.Fleet;
using Stoker.Simulation.Policies;
using Stoker.Simulation.Traces;

namespace Firectl.Simulating;

/// <summary><c>firectl simulate TRACE</c>: what settings of a deployment would have cost, without a server.</summary>
internal static class SimulateVerb
{
    public static void Add(VerbTree verbs) =>
        verbs.Add("simulate", "Replay a trace against settings of a deployment, without a server", Build);

    private static Verb Build(Command command)
    {
        var (source, fleet, policy) = (new TraceFlags(), new FleetFlags(), new PolicyFlags());
        source.AddTo(command);
        fleet.AddTo(command);
        policy.AddTo(command);
        return async (invocation, _) =>
        {
            // All flags before the trace: a wrong one is said at once.
            var (settings, setup) = (policy.Settings(invocation), fleet.Setup(invocation));
            var trace = source.Read(invocation);
            fleet.Check(invocation, trace);
            IReadOnlyList<ComparedPolicy> rows = policy.IsComparison(invocation)
                ? [.. PolicyComparison.Run(trace, setup, settings)]
                : [Once(policy, invocation, trace, setup, settings)];
            await SimulationOutput.WriteAsync(invocation, trace, setup, rows);
            return 0;
        };
    }

    private static ComparedPolicy Once(PolicyFlags flags, Invocation invocation, Trace trace, SimulationSetup setup, ScaledSettings settings)
    {
        var (name, policy) = flags.Policy(invocation, settings);
        return new(name, FleetSimulation.Run(trace, setup, policy));
    }
}

/// <summary>Takes a value out of a result, or fails the verb with its problem.</summary>
internal static class SimulationResults
{
    public static T OrFail<T>(this Result<T> result)
        where T : notnull => result.TryGet(out var value, out var problem) ? value : throw new ProblemException(problem);
}
