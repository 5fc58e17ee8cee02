namespace Stoker.Engine.KvCache;

/// <summary>Within one space prompts may use each other's blocks, between two never.</summary>
/// <param name="Salt">Set by the server, such as the account's and the deployment's name; compared as it is.</param>
/// <param name="AdapterVersion">0: the base model. A number of one load, never of a name: an addon that is loaded again
/// under its name has other keys and values.</param>
internal sealed record PrefixSpace(string? Salt, ulong AdapterVersion)
{
    public static PrefixSpace Common { get; } = new(null, 0);
}
