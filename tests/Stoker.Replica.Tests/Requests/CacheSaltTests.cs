using Microsoft.AspNetCore.Http;
using Stoker.Api.Replicas;
using Stoker.Replica.Requests;

namespace Stoker.Replica.Tests.Requests;

public sealed class CacheSaltTests
{
    [Fact]
    public void Owner_and_key_together_name_one_space_and_no_key_leads_to_another_owners()
    {
        var salts = new[]
        {
            Salt(null, null), Salt("a", null), Salt("b", null), Salt("a", "k"), Salt("a", "l"), Salt("b", "k"), Salt(null, "k"),
            Salt(null, "a"), Salt("ak", null), Salt(null, "a\nk"), Salt("a", "k\nl"),
        };
        salts[0].ShouldBeNull();
        salts.Distinct().Count().ShouldBe(salts.Length);
        Salt("a", "k").ShouldBe(salts[3]);
    }

    [Fact]
    public void The_key_may_come_in_the_header_instead_and_not_differ_in_both()
    {
        Salt("a", null, "k").ShouldBe(Salt("a", "k"));
        Salt("a", "k", "k").ShouldBe(Salt("a", "k"));
        Refused("a", "k", "l").Parameter.ShouldBe(ReplicaProtocol.IsolationKeyHeader);
    }

    [Fact]
    public void Headers_that_do_not_fit_are_refused_by_name()
    {
        Refused(new string('a', 256), null).Parameter.ShouldBe(ReplicaProtocol.CacheSaltHeader);
        Refused("a", null, new string('k', 256)).Parameter.ShouldBe(ReplicaProtocol.IsolationKeyHeader);
        Refused("a", null, "").Parameter.ShouldBe(ReplicaProtocol.IsolationKeyHeader);
        Refused("a", null, "k", "k").Parameter.ShouldBe(ReplicaProtocol.IsolationKeyHeader);
    }

    private static string? Salt(string? owner, string? field, params string[] header) => CacheSalt.Of(Headers(owner, header), field);

    private static ApiError Refused(string? owner, string? field, params string[] header) =>
        Should.Throw<ApiException>(() => CacheSalt.Of(Headers(owner, header), field)).Error;

    private static HeaderDictionary Headers(string? owner, string[] key)
    {
        var headers = new HeaderDictionary();
        if (owner is not null) headers[ReplicaProtocol.CacheSaltHeader] = owner;
        if (key.Length > 0) ((IDictionary<string, Microsoft.Extensions.Primitives.StringValues>)headers)[ReplicaProtocol.IsolationKeyHeader] = key;
        return headers;
    }
}
