using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Stoker.ControlPlane.Serverless;

/// <summary>The serverless tier. Section <c>Stoker:Serverless</c>.</summary>
public sealed class ServerlessOptions
{
    public const string Section = "Stoker:Serverless";

    /// <summary>
    /// Replicas that a model may have at its busiest; one is always kept. On a machine of its own cores a replica takes one of them
    /// from dedicated deployments.
    /// </summary>
    [Range(1, 1_000)]
    public int MaxReplicas { get; set; } = 4;

    /// <summary>
    /// Limits by name: <c>Tiers:NAME:RequestsPerMinute</c>, <c>PromptTokensPerMinute</c>, <c>GeneratedTokensPerMinute</c>. There is
    /// <c>standard</c> with 600, 3600000 and 36000, the hosted platform's first figures.
    /// </summary>
    public IDictionary<string, ServerlessTier> Tiers { get; } = new Dictionary<string, ServerlessTier>(StringComparer.Ordinal)
    {
        [StandardTier] = new(),
    };

    /// <summary>The tier of accounts that have none of their own.</summary>
    [Required]
    public string DefaultTier { get; set; } = StandardTier;

    /// <summary>Accounts with another tier: the account's ID and the tier's name.</summary>
    public IDictionary<string, string> AccountTiers { get; } = new Dictionary<string, string>(StringComparer.Ordinal);

    private const string StandardTier = "standard";

    internal ServerlessTier TierOf(string account) => Tiers[AccountTiers.TryGetValue(account, out var tier) ? tier : DefaultTier];
}

/// <summary>What an account may use of the serverless tier in a minute, all models together.</summary>
public sealed class ServerlessTier
{
    public const int Most = 1_000_000_000;

    [Range(1, Most)]
    public int RequestsPerMinute { get; set; } = 600;

    [Range(1, Most)]
    public int PromptTokensPerMinute { get; set; } = 3_600_000;

    [Range(1, Most)]
    public int GeneratedTokensPerMinute { get; set; } = 36_000;
}

internal sealed class ServerlessOptionsValidator : IValidateOptions<ServerlessOptions>
{
    public ValidateOptionsResult Validate(string? name, ServerlessOptions options)
    {
        var faults = new List<string>();
        Check(ServerlessOptions.Section, options);
        foreach (var (id, tier) in options.Tiers) Check($"{ServerlessOptions.Section}:{nameof(options.Tiers)}:{id}", tier);
        var tiers = string.Join(", ", options.Tiers.Keys.Order(StringComparer.Ordinal));
        Known(nameof(options.DefaultTier), options.DefaultTier);
        foreach (var (account, tier) in options.AccountTiers) Known($"{nameof(options.AccountTiers)}:{account}", tier);
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);

        void Check(string section, object part)
        {
            var results = new List<ValidationResult>();
            Validator.TryValidateObject(part, new(part), results, validateAllProperties: true);
            faults.AddRange(results.Select(result => $"{section}: {result.ErrorMessage}"));
        }

        void Known(string setting, string tier)
        {
            if (!options.Tiers.ContainsKey(tier)) faults.Add($"{ServerlessOptions.Section}:{setting} must be a tier ({tiers}), was '{tier}'");
        }
    }
}
