using Stoker.Api.Names;
using Stoker.ControlPlane.Autoscaling;
using Stoker.ControlPlane.Storage;
using Stoker.ControlPlane.Tests.Storage;
using Stoker.Testing;

namespace Stoker.ControlPlane.Tests.Autoscaling;

public sealed class DecisionLogTests : IAsyncDisposable
{
    private static readonly DeploymentName Name = DeploymentName.Parse("accounts/a/deployments/d");
    private static readonly DeploymentName Other = DeploymentName.Parse("accounts/a/deployments/e");

    private readonly StoreFile _file = new();
    private readonly SqliteDatabase _database;
    private readonly SqliteScalingStore _store;
    private readonly DecisionLog _log;

    public DecisionLogTests()
    {
        _database = SqliteDatabase.Open(_file.Path, new ManualTime(ScaledFleet.Noon), TimeSpan.FromDays(1));
        _store = new(_database);
        _log = new(_store);
    }

    public async ValueTask DisposeAsync()
    {
        await _database.DisposeAsync();
        _file.Dispose();
    }

    [Fact]
    public async Task A_decision_comes_back_whole()
    {
        var decision = new ScaledFleet().Pass(600, load: 20).Last;
        var first = new ScaledFleet().Pass(30, load: 20).Changes[0];
        await AppendAsync(Name, first);
        await AppendAsync(Name, decision);
        _log.Read(Name, 10).ShouldBe([decision, first]);
        _log.Read(Name, 1).ShouldBe([decision]);
        _log.Read(Other, 10).ShouldBeEmpty();
    }

    [Fact]
    public async Task The_last_two_hundred_of_each_deployment_are_kept()
    {
        var decision = new ScaledFleet().Decide();
        await AppendAsync(Other, decision);
        for (var i = 0; i < 205; i++) await AppendAsync(Name, decision with { Reason = $"{i}" });
        var kept = _log.Read(Name, 1_000);
        kept.Count.ShouldBe(200);
        (kept[0].Reason, kept[^1].Reason).ShouldBe(("204", "5"));
        _log.Read(Other, 10).Count.ShouldBe(1);
    }

    [Fact]
    public async Task What_is_forgotten_is_gone_with_its_window()
    {
        await AppendAsync(Name, new ScaledFleet().Decide());
        await AppendAsync(Other, new ScaledFleet().Decide());
        await _store.SaveWindowsAsync(
            WindowsWrite.Of(new(Name.ToString(), [1], "b", 1, ScaledFleet.Noon), new(Other.ToString(), [2], "b", 1, ScaledFleet.Noon)), TestContext.Current.CancellationToken);
        await _log.ForgetAsync(Name, TestContext.Current.CancellationToken);
        _log.Read(Name, 10).ShouldBeEmpty();
        _log.Read(Other, 10).Count.ShouldBe(1);
        _store.ReadWindows().Windows.ShouldHaveSingleItem().Deployment.ShouldBe(Other.ToString());
    }

    [Fact]
    public async Task An_entry_of_a_later_program_is_left_out()
    {
        await _store.AppendDecisionAsync(Name.ToString(), new(ScaledFleet.Noon, "{\"cause\":\"TeaTime\"}"u8.ToArray()), 200, TestContext.Current.CancellationToken);
        await AppendAsync(Name, new ScaledFleet().Decide());
        _log.Read(Name, 10).Count.ShouldBe(1);
    }

    private Task AppendAsync(DeploymentName name, ScalingDecision decision) => _log.AppendAsync(name, decision, TestContext.Current.CancellationToken);
}
