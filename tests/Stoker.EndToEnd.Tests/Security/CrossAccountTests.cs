using Stoker.EndToEnd.Tests.Harness;

namespace Stoker.EndToEnd.Tests.Security;

/// <summary>An admin of one account at every route of another one's: nothing is read, changed, or learnt.</summary>
public sealed class CrossAccountTests(VictimServer server) : IClassFixture<VictimServer>
{
    private const string Canary = VictimServer.Canary;

    // As long as each other, so that answers are as well.
    private const string Victim = "victim";
    private const string Nobody = "nobody";

    private readonly Sandbox _sandbox = server.Sandbox;
    private readonly StokerServerProcess _server = server.Server;
    private readonly string _eve = server.Eve;
    private readonly string _victims = server.Victims;

    [Fact]
    public async Task At_every_route_what_is_anothers_and_what_is_not_there_answer_in_the_same_bytes()
    {
        var wrong = new List<string>();
        var before = await StateAsync();
        var routes = (await ManagementRoutes.ReadAsync(_sandbox)).Where(route => route.Pattern.Contains("{account}", StringComparison.Ordinal)).ToList();
        routes.Count.ShouldBeGreaterThan(40);
        foreach (var route in routes)
        {
            var theirs = await AskAsync(route, Victim, "there");
            if (theirs.Status != 404) wrong.Add($"{route}: {theirs.Status}");
            if (theirs.Text.Contains(Canary, StringComparison.Ordinal)) wrong.Add($"{route}: shows what it must not");
            var missing = await AskAsync(route, Victim, "not-e");
            if (theirs.Comparable.Replace("there", "not-e") != missing.Comparable) wrong.Add($"{route}: tells what there is");
            var nowhere = await AskAsync(route, Nobody, "there");
            if (theirs.Comparable.Replace(Victim, Nobody) != nowhere.Comparable) wrong.Add($"{route}: tells which account there is");
        }

        wrong.ShouldBeEmpty();
        (await StateAsync()).ShouldBe(before); // nothing was changed
    }

    [Theory]
    [InlineData("/v1/accounts/VICTIM/deployments/there")]
    [InlineData("/V1/ACCOUNTS/victim/DEPLOYMENTS/there")]
    [InlineData("/v1/accounts/evil/../victim/deployments/there")]
    [InlineData("/v1/accounts/evil/%2e%2e/victim/deployments/there")]
    [InlineData("/v1/accounts/evil%2f..%2fvictim/deployments/there")]
    [InlineData("/v1/accounts/evil/deployments/..%2f..%2fvictim%2fdeployments%2fthere")]
    [InlineData("/v1/accounts/evil/deployments/../../victim/deployments/there")]
    [InlineData("/v1/accounts/vic%74im/deployments/there")]
    [InlineData("/v1/accounts/victim%00evil/deployments/there")]
    [InlineData("/v1/accounts/victim;evil/deployments/there")]
    [InlineData("/v1/accounts/victim%20/deployments/there")]
    [InlineData("//v1/accounts/victim/deployments/there")]
    [InlineData("/v1//accounts/victim/deployments/there")]
    [InlineData("/v1/accounts/victim/deployments/there/")]
    [InlineData("/v1/accounts/victim/deployments/there?account=evil")]
    [InlineData("/v1/accounts/victim/deployments/there#evil")]
    [InlineData("/health/../v1/accounts/victim/deployments/there")]
    [InlineData("/inference/v1/../../v1/accounts/victim/deployments/there")]
    [InlineData("http://evil.example/v1/accounts/victim/deployments/there")]
    [InlineData("/v1/accounts/evil/users/-/apiKeys/../../../victim/users/there/apiKeys")]
    [InlineData("/v1/accounts/-/deployments")]
    [InlineData("/v1/accounts/-/users/-/apiKeys")]
    [InlineData("/v1/accounts/victim/users/-/apiKeys")]
    public async Task No_spelling_of_a_path_leads_to_anothers_things(string target)
    {
        var answer = await RawHttp.SendAsync(_server, "GET", target, null, _eve);
        answer.Status.ShouldBeOneOf(400, 404);
        answer.Text.ShouldNotContain(Canary);
        // The same with no key gives nothing either.
        var stranger = await RawHttp.SendAsync(_server, "GET", target, null, "Authorization:");
        stranger.Status.ShouldBeOneOf(400, 401, 404);
        stranger.Text.ShouldNotContain(Canary);
    }

    [Theory]
    [InlineData("X-Original-URL: /v1/accounts/victim/deployments/there")]
    [InlineData("X-Rewrite-URL: /v1/accounts/victim/deployments/there")]
    [InlineData("X-Forwarded-Prefix: /v1/accounts/victim")]
    [InlineData("X-HTTP-Method-Override: GET")]
    [InlineData("X-Account-Id: victim")]
    [InlineData("X-Forwarded-User: there")]
    [InlineData("Fireworks-Account-Id: victim")]
    [InlineData("Cookie: account=victim")]
    public async Task No_header_makes_another_caller_or_another_path_of_a_request(string header)
    {
        var listed = await RawHttp.SendAsync(_server, "GET", "/v1/accounts/evil/deployments", null, _eve, header);
        listed.Status.ShouldBe(200, listed.Text);
        listed.Text.ShouldNotContain(Canary);
        var asked = await RawHttp.SendAsync(_server, "GET", "/v1/accounts/victim/deployments/there", null, _eve, header);
        asked.Status.ShouldBe(404, asked.Text);
        var stranger = await RawHttp.SendAsync(_server, "GET", "/v1/accounts/victim/deployments/there", null, "Authorization:", header);
        stranger.Status.ShouldBe(401, stranger.Text);
    }

    [Fact]
    public async Task Which_of_two_keys_counts_is_never_a_question()
    {
        var eve = _eve["Authorization: Bearer ".Length..];
        string[][] pairs =
        [
            [_eve, _victims], [_victims, _eve], [_victims, $"X-Api-Key: {eve}"], ["Authorization:", $"X-Api-Key: {eve}", $"X-Api-Key: {_server.Key}"],
            [$"Authorization: Bearer {eve},Bearer {_server.Key}"], [$"Authorization: Basic {eve}", $"X-Api-Key: {eve}"],
        ];
        foreach (var headers in pairs)
        {
            var answer = await RawHttp.SendAsync(_server, "GET", "/v1/whoami", null, headers);
            answer.Status.ShouldBe(401, string.Join(" | ", headers));
        }

        (await RawHttp.SendAsync(_server, "GET", "/v1/whoami", null, "Authorization:", $"X-Api-Key: {eve}")).Status.ShouldBe(200);
        (await RawHttp.SendAsync(_server, "GET", "/v1/whoami", null, _eve, $"X-Api-Key: {eve}")).Status.ShouldBe(200); // the same one twice
    }

    private Task<RawAnswer> AskAsync(ManagementRoute route, string account, string name)
    {
        var path = route.Path(account, ("user", name), ("model", name), ("deployment", name), ("id", name), ("reservation", name), ("quota", name), ("rest", name));
        return RawHttp.SendAsync(_server, route.Method, path, route.IsRead ? null : "{}"u8.ToArray(), _eve);
    }

    /// <summary>What the victim sees of its own.</summary>
    private async Task<string> StateAsync()
    {
        var all = new List<string>();
        foreach (var path in (string[])["", "/users", "/users/-/apiKeys?readMask=key_id,display_name", "/models", "/deployments?readMask=name,display_name,min_replica_count", "/deployedModels"])
        {
            var answer = await RawHttp.SendAsync(_server, "GET", $"/v1/accounts/victim{path}", null, _victims);
            answer.Status.ShouldBe(200, answer.Text);
            all.Add(answer.Text);
        }

        var state = string.Join('\n', all);
        state.ShouldContain(Canary);
        return state;
    }
}
