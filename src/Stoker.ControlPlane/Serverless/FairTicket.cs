using Stoker.Api.Names;

namespace Stoker.ControlPlane.Serverless;

/// <summary>One request's part of its account's share: what it was counted as, until its end tells what it was.</summary>
/// <param name="account">Whose it is.</param>
/// <param name="promptTokens">Estimated.</param>
internal sealed class FairTicket(AccountName account, long promptTokens)
{
    public AccountName Account => account;

    public long PromptTokens => promptTokens;

    /// <summary>What the account was charged; null before it has a place. <see cref="FairShare"/>'s own.</summary>
    internal long? Charged { get; set; }

    /// <summary>It is one of its account's requests. <see cref="FairShare"/>'s own.</summary>
    internal bool IsIn { get; set; }
}
