using System.Text.Json.Serialization;

namespace Stoker.ControlPlane.Accounts;

/// <param name="Operator">Whether its admins run the whole installation: true for the account of the first start
/// alone.</param>
/// <param name="DeletionGuard">Whether deployments that had requests within the last hour are guarded against
/// deletion.</param>
internal sealed record AccountSpec(string? DisplayName, string? Email, bool Operator, bool DeletionGuard = false);

/// <param name="Role">A wire name of <see cref="Accounts.Role"/>.</param>
internal sealed record UserSpec(string? DisplayName, string? Email, string Role, bool ServiceAccount);

/// <summary>A key as it rests: its hash, never the key.</summary>
/// <param name="Hash">SHA-256, base64.</param>
/// <param name="Prefix">The key's first characters, for people to tell keys apart.</param>
/// <param name="Scopes">A wire name of <see cref="Accounts.KeyScopes"/>; absent in keys that are older than scopes, which open all.</param>
internal sealed record ApiKeySpec(
    string DisplayName, string Hash, string Prefix, string? Email, DateTimeOffset? ExpireTime, string? Scopes = null)
{
    /// <summary>Null where a newer program wrote what this one does not know.</summary>
    [JsonIgnore]
    public KeyScopes? KeyScopes => Scopes is null ? Accounts.KeyScopes.All : KeyScopeNames.Parse(Scopes);
}

/// <summary>Accounts, users and keys have no status of their own yet: what exists is ready.</summary>
internal sealed record NoStatus
{
    public static NoStatus Instance { get; } = new();
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(AccountSpec))]
[JsonSerializable(typeof(UserSpec))]
[JsonSerializable(typeof(ApiKeySpec))]
[JsonSerializable(typeof(NoStatus))]
internal sealed partial class AccountJson : JsonSerializerContext;
