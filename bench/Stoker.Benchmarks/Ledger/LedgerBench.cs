using System.Diagnostics;
using System.Globalization;
using Stoker.Benchmarks.Measuring;
using Stoker.ControlPlane.Storage;

namespace Stoker.Benchmarks.Ledger;

/// <summary>The token ledger under random requests, cancels, engine faults and kills of the gateway at its fault points; and what a row costs.</summary>
internal static class LedgerBench
{
    /// <exception cref="BenchFailedException">A row is missing, wrong, or there twice.</exception>
    public static async Task RunAsync(string[] args)
    {
        var arguments = new Arguments(args, [], "--requests", "--kills", "--seed", "--clients", "--server-kills", "--stoker");
        var settings = new StormSettings(
            arguments.Integer("--seed", 1, 0, int.MaxValue), arguments.Integer("--requests", 100_000, 1, 100_000_000), arguments.Integer("--kills", 1_000, 0, 1_000_000))
        {
            Clients = arguments.Integer("--clients", 32, 1, 10_000),
        };
        Console.WriteLine($"seed {settings.Seed}, {settings.Requests} requests of {settings.Clients} clients, 20 % cancelled, 5 % failed, {settings.Kills} kills");
        var folder = Directory.CreateTempSubdirectory("stoker-ledger-");
        try
        {
            await RunAsync(settings, new DataDirectory(folder.FullName));
        }
        finally
        {
            folder.Delete(recursive: true);
        }

        var serverKills = arguments.Integer("--server-kills", 100, 0, 100_000);
        if (serverKills > 0) await KillAsync(Programs.Find("Stoker.Server", "stoker", arguments.Text("--stoker")), settings.Seed, serverKills);
    }

    private static async Task KillAsync(string program, int seed, int kills)
    {
        Console.WriteLine($"\n{kills} servers, each killed with SIGKILL while 8 clients ask");
        using var servers = new KilledServers(program, seed, kills);
        var wrong = await servers.RunAsync();
        Console.WriteLine($"{servers.Told} answers were had whole; rows missing or wrong: {wrong.Count}");
        if (wrong.Count > 0) throw new BenchFailedException(string.Join('\n', wrong.Take(20)));
    }

    private static async Task RunAsync(StormSettings settings, DataDirectory data)
    {
        await using var database = SqliteDatabase.Open(data.Database, TimeProvider.System, TimeSpan.FromSeconds(1));
        var storm = new RequestStorm(settings, database, data);
        var began = Stopwatch.GetTimestamp();
        await storm.RunAsync();
        var took = Stopwatch.GetElapsedTime(began);
        var audit = await StormAudit.OfAsync(new SqliteRequestStore(database), storm.Truths);

        var table = new Table(("figure", 42), ("value", 14));
        table.Row("requests a second, with the kills", Text(settings.Requests / took.TotalSeconds));
        foreach (var (step, count) in storm.KilledAt.OrderBy(pair => pair.Key)) table.Row($"killed at {step}", Text(count));
        table.Row("requests that a replica got", Text(audit.Rows));
        table.Row("whose client did not see the end", Text(audit.Unseen));
        table.Row("lost, and free", Text(audit.Lost));
        table.Row("tokens paid for", Text(audit.PaidTokens));
        table.Row("tokens beyond the engine's, of ends that were seen", Text(audit.Difference));
        table.Row("rows missing, wrong or double", Text(audit.Wrong.Count));
        if (audit.Wrong.Count == 0) return;
        foreach (var wrong in audit.Wrong) Console.WriteLine(wrong);
        throw new BenchFailedException($"The ledger is wrong; again with --seed {settings.Seed} --requests {settings.Requests} --kills {settings.Kills}.");
    }

    private static string Text(double value) => value.ToString("N0", CultureInfo.InvariantCulture);
}
