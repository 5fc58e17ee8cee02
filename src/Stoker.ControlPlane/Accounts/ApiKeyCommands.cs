using System.Security.Cryptography;
using Microsoft.Extensions.Options;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Accounts;

/// <summary>
/// Makes, shows and revokes keys. Everybody does so for its own; for those of others it takes an admin.
/// </summary>
internal sealed class ApiKeyCommands(AccountStore store, KeyRingSource ring, TimeProvider time, IOptions<AccountOptions> options)
{
    private const int MaxDisplayName = 63;

    public async Task<Result<IEnumerable<ApiKeyResource>>> ListAsync(Principal caller, UserName owner, CancellationToken cancellation)
    {
        if (Refuse(caller, owner) is { } refusal) return refusal;
        if (await store.Users.FindAsync(owner, cancellation) is null) return MissingResource.Problem(owner.ToString());
        var keys = (await store.Keys.ListAsync(owner.ToString(), cancellation)).Items;
        return Result(keys.Select(key => ToResource(key)));
        static Result<IEnumerable<ApiKeyResource>> Result(IEnumerable<ApiKeyResource> items) =>
            new List<ApiKeyResource>(items);
    }

    /// <summary>The answer is the one place where the key itself is ever shown.</summary>
    public async Task<Result<ApiKeyResource>> CreateAsync(
        Principal caller, UserName owner, ApiKeyResource asked, CancellationToken cancellation)
    {
        if (Refuse(caller, owner) is { } refusal) return refusal;
        var violations = new Violations();
        violations.Require(
            asked.DisplayName is null || asked.DisplayName.Length <= MaxDisplayName,
            "api_key.display_name",
            $"must have at most {MaxDisplayName} characters");
        violations.Require(asked.ExpireTime is null || asked.ExpireTime > time.GetUtcNow(), "api_key.expire_time", "must lie in the future");
        if (violations.Any) return violations.ToProblem();

        using var _ = await store.WriteAsync(cancellation);
        if (await store.Users.FindAsync(owner, cancellation) is not { } user)
        {
            return MissingResource.Problem(owner.ToString());
        }

        if ((await store.Keys.ListAsync(owner.ToString(), cancellation)).Items.Count >= options.Value.MaxKeysPerUser)
        {
            return new Problem(
                Code.ResourceExhausted, $"{owner} has {options.Value.MaxKeysPerUser} keys, the most that are allowed: delete some first");
        }

        var key = ApiKey.Create();
        var name = new ApiKeyName(owner, NewKeyId());
        var spec = new ApiKeySpec(
            asked.DisplayName ?? "default", KeyHash.Of(key).ToStored(), ApiKey.Shown(key), user.Spec.Email, asked.ExpireTime);
        var created = await store.Keys.CreateAsync(name, spec, NoStatus.Instance, cancellation);
        if (created.Problem is null) await ring.ReloadAsync(CancellationToken.None); // it is written: no turning back
        return created.Then<ApiKeyResource>(row => ToResource(row) with { Key = key });
    }

    /// <summary>Revokes a key; when this returns, it opens nothing any more in this process.</summary>
    public async Task<Result<EmptyResponse>> DeleteAsync(Principal caller, UserName owner, string? keyId, CancellationToken cancellation)
    {
        if (Refuse(caller, owner) is { } refusal) return refusal;
        if (string.IsNullOrEmpty(keyId))
        {
            return new Problem(Code.InvalidArgument, "key_id is required", [new("key_id", "is required")]);
        }

        using var _ = await store.WriteAsync(cancellation);
        if (!ResourceId.TryParse(keyId, out var id) || await store.Keys.FindAsync(new(owner, id), cancellation) is not { } key)
        {
            var shown = keyId.Length <= ResourceId.MaxLength ? keyId : keyId[..ResourceId.MaxLength] + "...";
            return MissingResource.Problem($"{owner}/{ApiKeyName.Collection}/{shown}");
        }

        if (await IsLastWayInAsync(key, cancellation))
        {
            return Problem.FailedPrecondition(
                $"It is the last key of the admins of {owner.Parent} that does not expire: create another one first");
        }

        var deleted = await store.Keys.DeleteAsync(key, cancellation);
        if (deleted.Problem is null) await ring.ReloadAsync(CancellationToken.None); // it is gone: no turning back
        return deleted.Then<EmptyResponse>(_ => new EmptyResponse());
    }

    private static Problem? Refuse(Principal caller, UserName owner) =>
        caller.User == owner && caller.Role != Role.InferenceUser ? null : UserCommands.Refuse(caller, owner.Parent);

    /// <summary>
    /// Without an operator's key nobody could manage the server any more. Other accounts have the operator to help
    /// them.
    /// </summary>
    private async Task<bool> IsLastWayInAsync(Stored<ApiKeyName, ApiKeySpec, NoStatus> key, CancellationToken cancellation)
    {
        var account = key.Name.Owner.Parent;
        if (key.Spec.ExpireTime is not null) return false;
        if (await store.Accounts.FindAsync(account, cancellation) is not { Spec.Operator: true }) return false;
        var users = await store.Users.ListAsync(account.ToString(), cancellation);
        var admins =
            users.Items.Where(user => user.Spec.Role == Role.Admin.WireName()).Select(user => user.Name).ToHashSet();
        if (!admins.Contains(key.Name.Owner)) return false;
        var keys = await store.Keys.ListAsync(null, cancellation);
        return !keys.Items.Any(other => admins.Contains(other.Name.Owner) && other.Name != key.Name && other.Spec.ExpireTime is null);
    }

    // A letter first, as in identifiers that people choose; 15 more of 36 are beyond any collision, and the store
    // refuses one anyway.
    private static ResourceId NewKeyId() =>
        ResourceId.Parse("k" + RandomNumberGenerator.GetString("abcdefghijklmnopqrstuvwxyz0123456789", 15));

    private static ApiKeyResource ToResource(Stored<ApiKeyName, ApiKeySpec, NoStatus> key) => new()
    {
        KeyId = key.Name.KeyId.ToString(),
        DisplayName = key.Spec.DisplayName,
        CreateTime = key.CreateTime,
        Secure = true,
        Email = key.Spec.Email,
        Prefix = key.Spec.Prefix,
        ExpireTime = key.Spec.ExpireTime,
    };
}
