using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Stoker.Api.Replicas;

namespace Stoker.Replica.Requests;

/// <summary>Whose prefixes a request may use: its owner's salt, and within it the client's isolation key.</summary>
internal static class CacheSalt
{
    /// <summary>
    /// Null: the name space of requests that say nothing. A client's key only ever narrows the owner's salt.
    /// </summary>
    /// <param name="key">The body's <c>prompt_cache_isolation_key</c>.</param>
    /// <exception cref="ApiException">The header does not fit, or says something else than the body.</exception>
    public static string? Of(IHeaderDictionary headers, string? key)
    {
        var owner = headers[ReplicaProtocol.CacheSaltHeader];
        if (owner.Count > 1 || owner.ToString().Length > ReplicaProtocol.MostCacheSaltLength)
        {
            throw Refused(ReplicaProtocol.CacheSaltHeader, $"must be there once, with at most {ReplicaProtocol.MostCacheSaltLength} characters");
        }

        key = Merge(headers[ReplicaProtocol.IsolationKeyHeader], key);
        // A header's value has no line break, so that the first one always ends the owner's part.
        return key is null ? NullIfEmpty(owner.ToString()) : $"{owner}\n{key}";
    }

    private static string? Merge(StringValues header, string? field)
    {
        const string Name = ReplicaProtocol.IsolationKeyHeader;
        if (header.Count == 0) return field;
        var value = header.ToString();
        if (header.Count > 1 || value.Length is 0 or > ReplicaProtocol.MostIsolationKeyLength)
        {
            throw Refused(Name, $"must be there once, with 1 to {ReplicaProtocol.MostIsolationKeyLength} characters");
        }

        if (field is not null && field != value) throw Refused(Name, "differs from prompt_cache_isolation_key; send one of them");
        return value;
    }

    private static string? NullIfEmpty(string text) => text.Length == 0 ? null : text;

    private static ApiException Refused(string header, string rule) => new(ApiError.Invalid(header, $"The header '{header}' {rule}."));
}
