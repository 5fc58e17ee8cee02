using Stoker.Benchmarks.Ledger;
using Stoker.ControlPlane.Storage;

namespace Stoker.Benchmarks.Tests.Ledger;

public sealed class RequestStormTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("stoker-storm-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task After_gateways_were_killed_at_random_steps_the_ledger_is_what_the_rule_says()
    {
        var settings = new StormSettings(Seed: Random.Shared.Next(), Requests: 3_000, Kills: 60) { Clients = 8 };
        var (storm, audit) = await RunAsync(settings);

        audit.Wrong.ShouldBeEmpty($"seed {settings.Seed}");
        audit.Difference.ShouldBe(0, $"seed {settings.Seed}");
        storm.KilledAt.Values.Sum().ShouldBe(settings.Kills);
        storm.Truths.Count(truth => truth.Seen).ShouldBeGreaterThan(settings.Requests / 2);
    }

    [Fact]
    public async Task Without_a_kill_every_client_sees_its_end_and_nothing_is_lost()
    {
        var (_, audit) = await RunAsync(new(Seed: 1, Requests: 500, Kills: 0) { Clients = 8 });
        (audit.Rows, audit.Lost, audit.Unseen, audit.Difference, audit.Wrong.Count).ShouldBe((500, 0, 0, 0, 0));
    }

    [Theory]
    [InlineData(RequestStatus.Lost, 0, true, "lost")] // its client saw the end
    [InlineData(RequestStatus.Finished, 11, true, "was Finished")]
    [InlineData(RequestStatus.Cancelled, 10, false, "was Finished")]
    [InlineData(null, 0, false, "no row")]
    public async Task The_audit_sees_a_row_that_is_wrong(RequestStatus? status, int prompt, bool seen, string expected)
    {
        await using var database = SqliteDatabase.Open(new DataDirectory(_folder.FullName).Database, TimeProvider.System, TimeSpan.FromSeconds(1));
        var store = new SqliteRequestStore(database);
        var truth = new StormTruth("a", RequestStatus.Finished, new(10, 0, 5)) { Begun = true, Seen = seen };
        if (status is { } written)
        {
            await store.AppendAsync([Row("a", written, written == RequestStatus.Lost ? default : new(prompt, 0, 5))], TestContext.Current.CancellationToken);
        }

        (await StormAudit.OfAsync(store, [truth])).Wrong.ShouldHaveSingleItem().ShouldContain(expected);
    }

    private async Task<(RequestStorm Storm, StormAudit Audit)> RunAsync(StormSettings settings)
    {
        var data = new DataDirectory(_folder.FullName);
        await using var database = SqliteDatabase.Open(data.Database, TimeProvider.System, TimeSpan.FromSeconds(1));
        var storm = new RequestStorm(settings, database, data);
        await storm.RunAsync();
        return (storm, await StormAudit.OfAsync(new SqliteRequestStore(database), storm.Truths));
    }

    private static RequestRow Row(string id, RequestStatus status, RequestTokens tokens) => new(
        id, null, Api.Names.AccountName.Parse("accounts/a", null), Api.Names.UserName.Parse("accounts/a/users/u"), "k", Api.Names.DeploymentName.Parse("accounts/a/deployments/d", null),
        Api.Names.ModelName.Parse("accounts/a/models/m"), null, tokens, status, "", DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch, null);
}
