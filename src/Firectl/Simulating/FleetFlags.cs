using System.CommandLine;
using System.Globalization;
using Stoker.Api.Problems;
using Stoker.Api.Time;
using Stoker.Simulation.Fleet;
using Stoker.Simulation.Traces;

namespace Firectl.Simulating;

/// <summary>What a replica can do, what there is room for, and what is counted.</summary>
internal sealed class FleetFlags
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    private readonly Option<int> _slots = new("--slots") { Description = "Requests that a replica runs at once (default 16)" };
    private readonly Option<TimeSpan> _overhead = Durations.Option("--request-overhead", "What every request costs before its prompt and its first token do (default 50ms)");
    private readonly Option<double> _prefill = new("--prefill-rate") { Description = "Prompt tokens a second of one request (default 8000)" };
    private readonly Option<double> _decode = new("--decode-rate") { Description = "Generated tokens a second of one request (default 33.3)" };
    private readonly Option<int> _cache = new("--prefix-cache-tokens") { Description = "Prompt tokens that a replica's prefix cache holds, for traces with block ids (default 0)" };
    private readonly Option<TimeSpan> _coldStart = Durations.Option("--cold-start", "From a replica's start to ready (default 60s)");
    private readonly Option<int> _start = new("--start-replicas") { Description = "Replicas ready at the trace's begin (default what its mean load needs)" };
    private readonly Option<int> _capacity = new("--capacity") { Description = "Replicas that there is room for (default 4096)" };
    private readonly Option<TimeSpan> _tick = Durations.Option("--tick", "Between two decisions, whole seconds (default 2s)");
    private readonly Option<TimeSpan> _warmUp = Durations.Option("--warm-up", "Waits before it are not counted; cost is (default 5m)");
    private readonly Option<TimeSpan> _longWait = Durations.Option("--long-wait", "Waits above it are long (default 2s)");

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _slots, _overhead, _prefill, _decode, _cache, _coldStart, _start, _capacity, _tick, _warmUp, _longWait })
        {
            command.Options.Add(option);
        }
    }

    /// <summary>A flag that the trace has no use for is refused.</summary>
    public void Check(Invocation invocation, Trace trace)
    {
        if (invocation.Given(_cache) is > 0 && trace.Arrivals.All(arrival => arrival.Blocks is null))
        {
            throw new ProblemException(Problem.InvalidArgument(
                $"{_cache.Name} means nothing for {trace.Name}, which does not say what its prompts share: leave it out, or take a trace with hash_ids"));
        }
    }

    public SimulationSetup Setup(Invocation invocation)
    {
        var (usual, found) = (new SimulationSetup(), new Violations());
        var slots = Whole(_slots, 1, 65_536) ?? usual.Replica.Slots;
        var decode = Number(_decode) ?? usual.Replica.DecodeTokensPerSecond;
        var setup = usual with
        {
            Replica = usual.Replica with
            {
                Slots = slots,
                PrefillsAtOnce = slots,
                // One token's time belongs to the first token.
                RequestOverhead = (Duration(_overhead, Day) ?? TimeSpan.FromMilliseconds(50)) + TimeSpan.FromSeconds(1 / decode),
                PrefillTokensPerSecond = Number(_prefill) ?? usual.Replica.PrefillTokensPerSecond,
                DecodeTokensPerSecond = decode,
                PrefixCacheTokens = Whole(_cache, 0, int.MaxValue) ?? usual.Replica.PrefixCacheTokens,
                BootTime = Duration(_coldStart, Day) ?? usual.Replica.BootTime,
            },
            StartReplicas = Whole(_start, 0, SimulationSetup.MostCapacity),
            Capacity = Whole(_capacity, 1, SimulationSetup.MostCapacity) ?? usual.Capacity,
            Tick = Duration(_tick, Day) ?? usual.Tick,
            WarmUp = Duration(_warmUp, TimeSpan.FromDays(366)) ?? usual.WarmUp,
            LongWait = Duration(_longWait, Day) ?? usual.LongWait,
        };
        found.Require(setup.Tick.Ticks % TimeSpan.TicksPerSecond == 0 && setup.Tick > TimeSpan.Zero, "--tick", "must be whole seconds, at least 1s");
        if (found.Any) throw new ProblemException(found.ToProblem());
        return setup;

        int? Whole(Option<int> option, int least, int most)
        {
            if (invocation.Given(option) is not { } value) return null;
            found.Require(value >= least && value <= most, option.Name, $"must be from {least} to {most}, was {value}");
            return value;
        }

        double? Number(Option<double> option)
        {
            const double Most = 1e9;
            if (invocation.Given(option) is not { } value) return null;
            found.Require(value is >= 0.001 and <= Most, option.Name, string.Create(CultureInfo.InvariantCulture, $"must be from 0.001 to {Most}, was {value}"));
            return Math.Clamp(double.IsNaN(value) ? 1 : value, 0.001, Most); // it is refused below; until then it is computed with
        }

        TimeSpan? Duration(Option<TimeSpan> option, TimeSpan most)
        {
            if (invocation.Given(option) is not { } value) return null;
            found.Require(value >= TimeSpan.Zero && value <= most, option.Name, $"must be from 0s to {most.TotalHours:0}h, was {GoDuration.Format(value)}");
            return value;
        }
    }
}
