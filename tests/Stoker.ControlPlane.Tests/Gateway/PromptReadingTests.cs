using System.Text;
using Microsoft.AspNetCore.Http;
using Stoker.ControlPlane.Gateway;
using Stoker.ControlPlane.Routing;
using Stoker.ControlPlane.Tests.Routing;

namespace Stoker.ControlPlane.Tests.Gateway;

/// <summary>What two requests share in a replica's cache, they share here; and what they may not share, they do not.</summary>
public class PromptReadingTests
{
    private static readonly string Long = new('a', 2_000);
    private static readonly string Messages = $$"""[{"role":"system","content":"{{Long}}"},{"role":"user","content":"x"}]""";

    private static readonly string Plain = $$"""{"model":"a/b","messages":{{Messages}}}""";

    [Fact]
    public void A_conversation_that_goes_on_shares_what_was_said_before()
    {
        var next = Messages[..^1] + """,{"role":"assistant","content":"y"},{"role":"user","content":"z"}]""";
        Shared(Plain, $$"""{"model":"a/b","messages":{{next}}}""").ShouldBe(PromptBlocks.CountIn(Messages.Length - 1));
    }

    [Theory]
    [InlineData("""{"messages":MESSAGES,"model":"a/b"}""", true)] // where it stands does not matter
    [InlineData("""{"model":"a/b","temperature":0.5,"messages":MESSAGES}""", true)]
    [InlineData("""{"model":"a/b","user":"u","messages":MESSAGES}""", true)]
    [InlineData("""{"model":"a/b","messages":MESSAGES,"tools":[]}""", false)] // they stand before the messages
    [InlineData("""{"model":"a/b","messages":MESSAGES,"prompt_cache_isolation_key":"k"}""", false)]
    [InlineData("""{"model":"a/b","messages":[{"role":"user","content":"x"}]}""", false)]
    [InlineData("""{"model":"a/b"}""", false)]
    public void Fields_that_change_the_prompt_or_keep_it_apart_count_and_others_do_not(string body, bool shares) =>
        (Shared(Plain, body.Replace("MESSAGES", Messages, StringComparison.Ordinal)) > 0).ShouldBe(shares);

    [Fact]
    public void Accounts_deployments_models_and_isolation_keys_share_nothing()
    {
        var body = Plain;
        Shared(body, body).ShouldBe(4);
        Shared(body, body, other: (route, headers) => (route, headers with { CacheSalt = "another" })).ShouldBe(0);
        Shared(body, body, other: (route, headers) => (route, headers with { IsolationKey = "k" })).ShouldBe(0);
        Shared(body, body, other: (route, headers) => (route with { ServedName = "accounts/a/models/addon@digest" }, headers)).ShouldBe(0);
    }

    [Fact]
    public void Sessions_are_told_apart_by_name_kind_and_account()
    {
        ulong[] sessions =
        [
            Session(Plain, ("x-multi-turn-session-id", "s")),
            Session(Plain, ("x-multi-turn-session-id", "t")),
            Session(Plain, ("x-session-affinity", "s")),
            Session("""{"model":"a/b","prompt_cache_key":"s"}"""),
            Session("""{"model":"a/b","user":"s"}"""),
            Session("""{"model":"a/b","user":"t"}"""),
        ];
        sessions.ShouldBeUnique();
        sessions.ShouldNotContain(0UL);
        Session("""{"model":"a/b","user":"s","prompt":"other"}""").ShouldBe(sessions[4]);
    }

    [Theory]
    [InlineData("""{"model":"a/b"}""")]
    [InlineData("""{"model":"a/b","user":""}""")]
    [InlineData("""{"model":"a/b","user":null,"prompt_cache_key":null}""")]
    [InlineData("""{"model":"a/b","user":["s"],"prompt_cache_key":7}""")] // the replica refuses them
    public void What_names_nobody_is_no_session(string body) => Session(body, ("x-session-affinity", "")).ShouldBe(0UL);

    [Fact]
    public void The_first_hint_that_is_there_counts()
    {
        const string Both = """{"model":"a/b","prompt_cache_key":"c","user":"d"}""";
        var (turn, affinity) = (("x-multi-turn-session-id", "a"), ("x-session-affinity", "b"));

        Session(Both, turn, affinity).ShouldBe(Session(Plain, turn));
        Session(Both, affinity).ShouldBe(Session(Plain, affinity));
        Session(Both).ShouldBe(Session("""{"model":"a/b","prompt_cache_key":"c"}"""));
    }

    [Fact]
    public void Only_a_stream_tells_its_first_token()
    {
        Read("""{"model":"a/b","prompt":"x","stream":true}""").TellsFirstToken.ShouldBeTrue();
        Read("""{"model":"a/b","prompt":"x"}""").TellsFirstToken.ShouldBeFalse();
    }

    private static int Shared(string one, string two, Func<Route, ReplicaHeaders, (Route, ReplicaHeaders)>? other = null)
    {
        using var left = Read(one);
        using var right = Read(two, other);
        return left.Keys.CommonPrefixLength(right.Keys);
    }

    private static ulong Session(string body, params (string Name, string Value)[] headers) => Read(body, null, headers).Session;

    private static RoutedPrompt Read(string body, Func<Route, ReplicaHeaders, (Route, ReplicaHeaders)>? change = null, params (string Name, string Value)[] headers)
    {
        var (bytes, sent) = (Encoding.UTF8.GetBytes(body), new HeaderDictionary());
        foreach (var (name, value) in headers) sent[name] = value;
        RequestScan.Run(bytes, Surface.Both, new(), out var request).ShouldBeNull();
        var (route, own) = (Routes.To(Inference.Deployment, Inference.Model), new ReplicaHeaders("id", "account deployment", null));
        if (change is not null) (route, own) = change(route, own);
        return PromptReading.Read(sent, bytes, request!, own, route);
    }
}
