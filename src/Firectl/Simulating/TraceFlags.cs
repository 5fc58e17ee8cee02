using System.CommandLine;
using Stoker.Api.Problems;
using Stoker.Api.Time;
using Stoker.Simulation.Traces;

namespace Firectl.Simulating;

/// <summary>Which trace, and how much of it.</summary>
internal sealed class TraceFlags
{
    private readonly Argument<string> _trace = new("TRACE")
    {
        Description = $"A file, or {string.Join(", ", TraceSource.Bundled.Select(trace => trace.Name))}",
    };

    private readonly Option<string?> _client = new("--client") { Description = "The client of a set of clients" };
    private readonly Option<int> _copies = new("--copies") { Description = "Each request so many times (default 1)", DefaultValueFactory = _ => 1 };
    private readonly Option<TimeSpan> _jitter = Durations.Option("--jitter", "Each copy later by up to this (default 0s)", TimeSpan.Zero);
    private readonly Option<int> _seed = new("--seed") { Description = "Fixes what is drawn (default 1)", DefaultValueFactory = _ => 1 };

    public void AddTo(Command command)
    {
        command.Arguments.Add(_trace);
        foreach (var option in new Option[] { _client, _copies, _jitter, _seed }) command.Options.Add(option);
    }

    public Trace Read(Invocation invocation)
    {
        var (copies, jitter, seed) = (invocation.Value(_copies), invocation.Value(_jitter), invocation.Value(_seed));
        var violations = new Violations();
        violations.Require(copies is >= 1 and <= Trace.MostCopies, "--copies", $"must be from 1 to {Trace.MostCopies}, was {copies}");
        violations.Require(jitter >= TimeSpan.Zero && jitter <= TimeSpan.FromHours(1), "--jitter", $"must be from 0s to 1h, was {GoDuration.Format(jitter)}");
        if (violations.Any) throw new ProblemException(violations.ToProblem());
        return TraceSource.Open(invocation.Value(_trace)!, invocation.Value(_client), (ulong)seed).OrFail().Copied(copies, jitter, (ulong)seed);
    }
}
