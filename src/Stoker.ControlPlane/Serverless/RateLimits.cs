using System.Collections.Concurrent;
using Microsoft.Extensions.Options;
using Stoker.Api.Names;

namespace Stoker.ControlPlane.Serverless;

/// <summary>The rates of all accounts that used the serverless tier: one small object for each, as many as there are accounts.</summary>
internal sealed class RateLimits(IOptions<ServerlessOptions> options, TimeProvider time)
{
    private readonly ConcurrentDictionary<AccountName, AccountRate> _accounts = new();
    private readonly long _start = time.GetTimestamp();

    /// <summary>On a clock that never goes back.</summary>
    public TimeSpan Now => time.GetElapsedTime(_start);

    public AccountRate Of(AccountName account) =>
        _accounts.TryGetValue(account, out var rate) ? rate : _accounts.GetOrAdd(account, new AccountRate(options.Value.TierOf(account.Account.ToString()), Now));
}
