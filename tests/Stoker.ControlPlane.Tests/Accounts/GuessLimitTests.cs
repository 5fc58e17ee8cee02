using System.Net;
using Microsoft.Extensions.Options;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Tests.Gateway;
using Stoker.Testing;

namespace Stoker.ControlPlane.Tests.Accounts;

public class GuessLimitTests
{
    private static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private readonly ManualTime _time = new(Noon);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void An_address_has_some_wrong_keys_at_once_and_then_so_many_a_minute()
    {
        var limit = Limit(atOnce: 3, perMinute: 6);
        var (guesser, other) = (Address("192.0.2.7"), Address("192.0.2.8"));
        for (var i = 0; i < 3; i++)
        {
            limit.WaitOf(guesser).ShouldBeNull($"try {i}");
            limit.CountWrong(guesser);
        }

        limit.WaitOf(guesser).ShouldBe(TimeSpan.FromSeconds(10));
        limit.WaitOf(other).ShouldBeNull();
        _time.Advance(TimeSpan.FromSeconds(9));
        limit.WaitOf(guesser).ShouldBe(TimeSpan.FromSeconds(1));
        _time.Advance(TimeSpan.FromSeconds(1));
        limit.WaitOf(guesser).ShouldBeNull();
        limit.CountWrong(guesser);
        limit.WaitOf(guesser).ShouldBe(TimeSpan.FromSeconds(10)); // one at a time now
        _time.Advance(TimeSpan.FromMinutes(1));
        for (var i = 0; i < 3; i++) limit.CountWrong(guesser); // all are back after a rest
        limit.WaitOf(guesser).ShouldBe(TimeSpan.FromSeconds(10));
    }

    [Fact]
    public void A_clock_that_is_set_frees_nobody()
    {
        var limit = Limit(atOnce: 1, perMinute: 1);
        limit.CountWrong(Address("192.0.2.7"));
        _time.Step(TimeSpan.FromDays(1));
        limit.WaitOf(Address("192.0.2.7")).ShouldBe(TimeSpan.FromMinutes(1));
    }

    [Theory]
    [InlineData("192.0.2.7", "::ffff:192.0.2.7", true)]
    [InlineData("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true)] // whoever has one address of a /64 has all
    [InlineData("2001:db8:0:1::1", "2001:db8:0:2::1", false)]
    [InlineData("192.0.2.7", "192.0.2.8", false)]
    public void Addresses_of_one_sender_are_one(string left, string right, bool same) =>
        (Address(left) == Address(right)).ShouldBe(same);

    [Fact]
    public void A_crowd_of_addresses_costs_bounded_memory_and_escapes_nothing()
    {
        var limit = Limit(atOnce: 1, perMinute: 1);
        for (var i = 0; i < GuessLimit.MaxAddresses; i++) limit.CountWrong(new((UInt128)(uint)i));
        var (late, later) = (new RemoteAddress(1_000_000), new RemoteAddress(1_000_001));

        limit.CountWrong(late); // no place of its own
        limit.WaitOf(late).ShouldNotBeNull();
        limit.WaitOf(later).ShouldNotBeNull(); // shares it

        _time.Advance(TimeSpan.FromMinutes(2));
        limit.WaitOf(later).ShouldBeNull();
        limit.CountWrong(late); // the table is swept, and there is room again
        limit.WaitOf(late).ShouldNotBeNull();
        limit.WaitOf(later).ShouldBeNull();
    }

    [Theory]
    [InlineData("/v1/whoami", "\"code\":8")]
    [InlineData("/inference/v1/models", "\"code\":\"RESOURCE_EXHAUSTED\"")]
    public async Task A_guesser_is_refused_unseen_while_a_known_key_goes_on(string path, string code)
    {
        await using var host = await GatewayHost.StartAsync(_time, "Stoker:Accounts:WrongKeysAtOnce=5", "Stoker:Accounts:WrongKeysPerMinute=60");
        var unused = (await host.CreateKeyAsync("accounts/default/users/admin", "{}")).Key!;
        using var known = host.Admin(); // used from here already, by what made the key
        using var guesser = host.Client("fw_guess");
        using var right = host.Client(unused);
        for (var i = 0; i < 5; i++)
        {
            using var wrong = await guesser.GetAsync(path, Cancellation);
            wrong.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        }

        using (var slowed = await guesser.GetAsync(path, Cancellation))
        {
            slowed.StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
            slowed.Headers.RetryAfter!.Delta.ShouldBe(TimeSpan.FromSeconds(1));
            (await slowed.Content.ReadAsStringAsync(Cancellation)).ShouldContain(code);
        }

        // A header that every sender can write does not make another sender of it.
        using (var disguised = new HttpRequestMessage(HttpMethod.Get, path) { Headers = { { "X-Forwarded-For", "203.0.113.9" }, { "Forwarded", "for=203.0.113.9" } } })
        {
            using var answer = await guesser.SendAsync(disguised, Cancellation);
            answer.StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
        }

        // A guess that would be right looks like any other.
        using (var guessed = await right.GetAsync(path, Cancellation)) guessed.StatusCode.ShouldBe(HttpStatusCode.TooManyRequests);
        using (var fine = await known.GetAsync(path, Cancellation)) fine.StatusCode.ShouldBe(HttpStatusCode.OK);
        _time.Advance(TimeSpan.FromSeconds(2));
        using (var later = await right.GetAsync(path, Cancellation)) later.StatusCode.ShouldBe(HttpStatusCode.OK);
    }

    private GuessLimit Limit(int atOnce, int perMinute) =>
        new(_time, Options.Create(new AccountOptions { WrongKeysAtOnce = atOnce, WrongKeysPerMinute = perMinute }));

    private static RemoteAddress Address(string text) => RemoteAddress.Of(IPAddress.Parse(text));
}
