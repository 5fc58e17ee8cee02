using Microsoft.AspNetCore.Http;
using Stoker.Api.Replicas;

namespace Stoker.ControlPlane.Gateway;

/// <summary>
/// The client's header that keeps its prefixes apart from others of its account. What it means is the replica's to
/// decide, together with the field of the same name; here it only has to be fit to be handed on.
/// </summary>
internal static class IsolationKeys
{
    private const string Name = ReplicaProtocol.IsolationKeyHeader;
    private const int Most = ReplicaProtocol.MostIsolationKeyLength;

    /// <returns>The error to answer with, or null.</returns>
    public static InferenceError? Read(IHeaderDictionary headers, out string? key)
    {
        key = null;
        if (!headers.TryGetValue(Name, out var values)) return null;
        var value = values.ToString();
        if (values.Count > 1 || value.Length is 0 or > Most || !value.All(letter => letter is >= ' ' and <= '~'))
        {
            return InferenceError.Invalid($"{Name} must be there once, with 1 to {Most} printable ASCII characters", Name);
        }

        key = value;
        return null;
    }
}
