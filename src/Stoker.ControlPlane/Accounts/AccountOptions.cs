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

    /// <summary>Users of one account.</summary>
    [Range(1, 100_000)]
    public int MaxUsersPerAccount { get; set; } = 1_000;
}

[OptionsValidator]
internal sealed partial class AccountOptionsValidator : IValidateOptions<AccountOptions>;
