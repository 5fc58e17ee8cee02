using Stoker.Benchmarks.Chaos;

namespace Stoker.EndToEnd.Tests;

/// <summary>
/// Servers and replicas are killed in the middle of creates, starts, updates, drains and deletions. The bench <c>chaos</c>
/// does the same with more kills and any seed.
/// </summary>
public class ChaosTests
{
    [Fact]
    public async Task Ten_kills_leave_nothing_over_nothing_twice_nothing_lost_and_a_ledger_that_is_right()
    {
        var options = new ChaosOptions(Program("stoker"), Program("firectl"), Seed: 2, Kills: 10) { Deployments = 3 };
        var report = await ChaosRun.RunAsync(options);
        var found = string.Join('\n', report.Findings.All);
        report.Findings.All.ShouldBeEmpty($"seed {options.Seed}; once more with the bench chaos --seed {options.Seed} --kills {options.Kills} --deployments {options.Deployments}\n{found}");

        // What it showed, it showed of something.
        report.Kills.Values.Sum().ShouldBe(options.Kills);
        report.Kills.GetValueOrDefault(KillKind.Server).ShouldBeGreaterThan(0);
        report.Acknowledged.ShouldBeGreaterThan(options.Deployments);
        report.Ledger.Replicas.ShouldBeGreaterThan(0);
        report.Ledger.BeyondBound.ShouldBe(TimeSpan.Zero);
    }

    private static string Program(string name) => Path.Combine(AppContext.BaseDirectory, name);
}
