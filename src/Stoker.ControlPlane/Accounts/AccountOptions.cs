using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Stoker.ControlPlane.Accounts;

/// <summary>Accounts, users and keys. Configuration section <see cref="Section"/>.</summary>
public sealed class AccountOptions
{
    public const string Section = "Stoker:Accounts";

    /// <summary>
    /// The account that the very first start makes, whose admins are the operators. Later starts do not read it.
    /// </summary>
    [Required, RegularExpression("[a-z]([a-z0-9-]{0,61}[a-z0-9])?")]
    public string FirstAccount { get; set; } = "default";

    /// <summary>
    /// The key ring holds every key in memory, some 500 bytes each; 100 for each user is far beyond what people use.
    /// </summary>
    [Range(1, 10_000)]
    public int MaxKeysPerUser { get; set; } = 100;

    /// <summary>
    /// Makes a new admin key at this start and revokes the one it replaces: the way back in when the key is lost.
    /// <c>stoker serve --new-admin-key</c> sets it; in a file it would do so at every start.
    /// </summary>
    public bool NewAdminKey { get; set; }

    /// <summary>
    /// Wrong keys that one address may send at once before it is slowed down: programs start together after an outage, and a
    /// forgotten one of them is no attack. Nobody guesses 256 random bits either way.
    /// </summary>
    [Range(1, 100_000)]
    public int WrongKeysAtOnce { get; set; } = 100;

    /// <summary>Wrong keys of one address that are looked at in a minute once it is slowed down; the others are refused unseen.</summary>
    [Range(1, 100_000)]
    public int WrongKeysPerMinute { get; set; } = 30;

    /// <summary>Users of one account.</summary>
    [Range(1, 100_000)]
    public int MaxUsersPerAccount { get; set; } = 1_000;
}

[OptionsValidator]
internal sealed partial class AccountOptionsValidator : IValidateOptions<AccountOptions>;
