namespace Stoker.ControlPlane.Serverless;

/// <summary>What is limited.</summary>
internal enum RateKind
{
    Requests,
    PromptTokens,
    GeneratedTokens,
}

/// <summary>Whether a request may go on.</summary>
/// <param name="Over">The limit that it meets, and the one with the longest wait of several; null: none.</param>
/// <param name="RetryAfter">When there is enough again.</param>
/// <param name="Left">Of each limit, after the request.</param>
internal readonly record struct RateVerdict(RateKind? Over, TimeSpan RetryAfter, RateLeft Left);

/// <summary>How much is left of each limit; never below zero.</summary>
internal readonly record struct RateLeft(long Requests, long PromptTokens, long GeneratedTokens);

/// <summary>The rates of one account on the serverless tier.</summary>
/// <remarks>
/// A request takes one of the requests, and of the prompt's tokens an estimate of its length: the gateway has no tokenizer. The end corrects
/// that, and takes what was generated. So at any time an account is beyond its limits by no more than its running requests.
/// </remarks>
internal sealed class AccountRate(ServerlessTier tier, TimeSpan now)
{
    private readonly Lock _gate = new();
    private TokenBucket _requests = new(tier.RequestsPerMinute, now);
    private TokenBucket _prompt = new(tier.PromptTokensPerMinute, now);
    private TokenBucket _generated = new(tier.GeneratedTokensPerMinute, now);

    public ServerlessTier Tier => tier;

    /// <param name="promptTokens">Estimated. One prompt above a minute's worth passes when nothing of that minute is used.</param>
    public RateVerdict TryBegin(long promptTokens, TimeSpan at)
    {
        lock (_gate)
        {
            var (over, wait) = ((RateKind?)null, TimeSpan.Zero);
            Look(RateKind.Requests, _requests.Until(1, at));
            Look(RateKind.PromptTokens, _prompt.Until(promptTokens, at));
            Look(RateKind.GeneratedTokens, _generated.Until(1, at));
            if (over is null)
            {
                _requests.Take(1, at);
                _prompt.Take(promptTokens, at);
            }

            return new(over, wait, new(Left(_requests.Level(at)), Left(_prompt.Level(at)), Left(_generated.Level(at))));

            void Look(RateKind kind, TimeSpan until)
            {
                if (until > wait) (over, wait) = (kind, until);
            }
        }
    }

    /// <summary>The end of a request that began: what it was estimated to be becomes what it was.</summary>
    public void End(long estimatedPromptTokens, long promptTokens, long generatedTokens, TimeSpan at)
    {
        lock (_gate)
        {
            _prompt.Take(promptTokens - estimatedPromptTokens, at);
            _generated.Take(generatedTokens, at);
        }
    }

    private static long Left(double level) => Math.Max(0, (long)level);
}
