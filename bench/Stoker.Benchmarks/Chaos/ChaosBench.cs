using Stoker.Benchmarks.Measuring;

namespace Stoker.Benchmarks.Chaos;

/// <summary>
/// kill -9 of servers and replicas at seeded random points while deployments are created, changed and deleted: afterwards
/// nothing is left over, nothing is there twice, nothing is lost, and the ledger is right.
/// </summary>
internal static class ChaosBench
{
    /// <exception cref="BenchFailedException">Something was found.</exception>
    public static async Task RunAsync(string[] args)
    {
        var arguments = new Arguments(args, [], "--seed", "--kills", "--deployments", "--round", "--stoker", "--firectl");
        var options = new ChaosOptions(
            Programs.Find("Stoker.Server", "stoker", arguments.Text("--stoker")),
            Programs.Find("Firectl", "firectl", arguments.Text("--firectl")),
            arguments.Integer("--seed", 1, 0, int.MaxValue),
            arguments.Integer("--kills", 100, 1, 100_000))
        {
            Deployments = arguments.Integer("--deployments", 4, 1, 100),
            KillsPerRound = arguments.Integer("--round", 10, 1, 1000),
            Tell = Console.WriteLine,
        };
        Console.WriteLine($"seed {options.Seed}, {options.Kills} kills, {options.Deployments} deployments");
        var report = await ChaosRun.RunAsync(options);
        report.Print();
        if (report.Findings.All.Count > 0) throw new BenchFailedException($"Found what must never be; again with --seed {options.Seed} --kills {options.Kills} --deployments {options.Deployments}.");
    }
}
