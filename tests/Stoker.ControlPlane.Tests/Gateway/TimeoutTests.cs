using Stoker.Testing;

namespace Stoker.ControlPlane.Tests.Gateway;

/// <summary>Phases that take too long, on a clock that the test moves.</summary>
public sealed class TimeoutTests : IAsyncLifetime
{
    private readonly ManualTime _time = new(new DateTimeOffset(2030, 1, 1, 12, 0, 0, TimeSpan.Zero));
    private GatewayHost _host = null!;
    private HttpClient _client = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _host = await GatewayHost.StartAsync(_time, "Stoker:Gateway:FirstByteTimeout=00:10:00", "Stoker:Gateway:GapTimeout=00:01:00");
        _client = _host.Admin();
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _host.DisposeAsync();
    }

    [Fact]
    public async Task A_replica_that_never_answers_is_given_up_and_told_so()
    {
        await using var replica = await FakeReplica.StartAsync(context => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, context.RequestAborted));
        _host.Serve(replica.Target);
        var call = _client.CompleteAsync();
        await replica.Received.WaitAsync(Cancellation);

        _time.Advance(TimeSpan.FromMinutes(9));
        replica.HungUp.IsCompleted.ShouldBeFalse();
        _time.Advance(TimeSpan.FromMinutes(1));

        using var answer = await call;
        (await answer.ErrorAsync(504)).GetProperty("code").GetString().ShouldBe("UPSTREAM_TIMEOUT");
        await replica.HungUp.WaitAsync(Cancellation);
        await _host.RequestEndedAsync();
        replica.Target.InFlight.ShouldBe(0);
    }

    [Fact]
    public async Task A_stream_that_stops_is_ended_with_an_error_event()
    {
        var more = new SemaphoreSlim(0);
        await using var replica = await FakeReplica.StartAsync(async context =>
        {
            FakeReplica.BeginStream(context);
            while (true)
            {
                await FakeReplica.SendAsync(context, "data: {}\n\n");
                await more.WaitAsync(context.RequestAborted);
            }
        });
        _host.Serve(replica.Target);
        using var answer = await _client.StreamAsync();
        using var reader = await answer.ReaderAsync();
        (await reader.ReadLineAsync(Cancellation)).ShouldBe("data: {}");

        // Each event starts the minute anew, so that a long stream may take as long as it likes.
        for (var second = 0; second < 3; second++)
        {
            _time.Advance(TimeSpan.FromSeconds(30));
            more.Release();
            await reader.ReadLineAsync(Cancellation);
            (await reader.ReadLineAsync(Cancellation)).ShouldBe("data: {}");
        }

        var rest = reader.ReadToEndAsync(Cancellation);
        while (!rest.IsCompleted)
        {
            _time.Advance(TimeSpan.FromMinutes(1)); // again: the gateway may not have begun to wait yet
            await Task.Yield();
        }

        (await rest).ShouldContain("UPSTREAM_TIMEOUT");
        await replica.HungUp.WaitAsync(Cancellation);
    }

    [Fact]
    public async Task A_key_opens_nothing_from_the_moment_it_expires()
    {
        await using var replica = await FakeReplica.StartAsync(FakeReplica.Answering("""{"choices":[]}"""));
        _host.Serve(replica.Target);
        var key =
            await _host.CreateKeyAsync("accounts/default/users/admin", """{"expireTime":"2030-01-01T13:00:00Z"}""");
        using var client = _host.Client(key.Key);

        _time.Advance(TimeSpan.FromMinutes(60) - TimeSpan.FromTicks(1));
        using (var answer = await client.CompleteAsync()) answer.IsSuccessStatusCode.ShouldBeTrue();
        _time.Advance(TimeSpan.FromTicks(1));
        using (var answer = await client.CompleteAsync()) await answer.ErrorAsync(401);
        using var management = await client.GetAsync("/v1/whoami", Cancellation);
        ((int)management.StatusCode).ShouldBe(401);
    }
}
