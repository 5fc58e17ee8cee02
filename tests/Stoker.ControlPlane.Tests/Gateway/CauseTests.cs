using Stoker.ControlPlane.Routing;
using Stoker.ControlPlane.Tests.Routing;
using Stoker.Testing;
using static Stoker.ControlPlane.Tests.Gateway.Inference;

namespace Stoker.ControlPlane.Tests.Gateway;

/// <summary>Why a deployment does not serve, in its replicas' and its account's words: its own account is told, callers of a public addon are not.</summary>
public sealed class CauseTests : IAsyncLifetime
{
    private const string Zog = "accounts/default/models/zog", Cause = "16 of 16 accelerators are taken";

    private readonly ManualTime _time = new(Routes.Noon);
    private readonly Route _route = Routes.To(Deployment, Model);
    private GatewayHost _host = null!;
    private string _stranger = null!;

    public async ValueTask InitializeAsync()
    {
        _host = await GatewayHost.StartAsync(_time);
        _stranger = await _host.CreateAccountAsync("other");
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [Theory]
    [InlineData(Waiting.Failed, "hold")]
    [InlineData(Waiting.Capacity, "reject")]
    public async Task One_that_is_not_held_is_told_the_cause_as_an_owner_alone(Waiting waiting, string coldStart)
    {
        Publish(_route with { Waiting = waiting, Detail = Cause });
        await ToldAsync(503, Ask(_host.AdminKey, coldStart), Ask(_stranger, coldStart));
    }

    [Fact]
    public async Task So_is_one_that_was_held()
    {
        Publish(_route);
        var (owner, stranger) = (Ask(_host.AdminKey), Ask(_stranger));
        owner.Ended.IsCompleted.ShouldBeFalse();
        Publish(_route with { Waiting = Waiting.Failed, Detail = Cause });
        await ToldAsync(503, owner, stranger);
    }

    [Fact]
    public async Task And_one_that_was_held_as_long_as_may_be()
    {
        Publish(_route with { Waiting = Waiting.Capacity, Detail = Cause, Hold = new(Timeout: TimeSpan.FromSeconds(5)) });
        var (owner, stranger) = (Ask(_host.AdminKey), Ask(_stranger));
        DirectCall.Inline(() => _time.Advance(TimeSpan.FromSeconds(5)));
        await ToldAsync(503, owner, stranger);
    }

    [Fact]
    public async Task What_a_replica_said_of_an_addon_is_the_owners_too()
    {
        Publish(Routes.To(Deployment, Model, Routes.Replica("r")), failure: Cause);
        await ToldAsync(412, Ask(_host.AdminKey), Ask(_stranger));
    }

    private static async Task ToldAsync(int status, DirectCall owner, DirectCall stranger)
    {
        await Task.WhenAll(owner.Ended, stranger.Ended);
        (owner.StatusCode, stranger.StatusCode).ShouldBe((status, status), stranger.Text);
        owner.Text.ShouldContain($" ({Cause})");
        stranger.Text.ShouldBe(owner.Text.Replace($" ({Cause})", "", StringComparison.Ordinal));
    }

    private DirectCall Ask(string key, string coldStart = "hold") => DirectCall.Start(
        _host, $$"""{"model":"{{Zog}}#{{Deployment}}","prompt":"x"}""", ("Authorization", $"Bearer {key}"), ("x-stoker-cold-start", coldStart));

    private void Publish(Route route, string? failure = null)
    {
        var offered = route.With(Zog, failure, isPublic: true);
        _host.Routing.Publish(new RoutingTable([offered], Routes.Deployed(offered)));
    }
}
