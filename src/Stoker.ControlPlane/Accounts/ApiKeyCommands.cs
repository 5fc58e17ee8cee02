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
internal sealed class ApiKeyCommands(
    AccountStore store, KeyRingSource ring, KeyUseLog uses, WaysIn ways, TimeProvider time, IOptions<AccountOptions> options)
{
    private const int MaxDisplayName = 63;

    public async Task<Result<IEnumerable<ApiKeyResource>>> ListAsync(Principal caller, UserName owner, CancellationToken cancellation)
    {
        if (Refuse(caller, owner) is { } refusal) return refusal;
        if (await store.Users.FindAsync(owner, cancellation) is null) return MissingResource.Problem(owner.ToString());
        return Shown((await store.Keys.ListAsync(owner.ToString(), cancellation)).Items);
    }

    /// <summary>The keys of all users of an account.</summary>
    public async Task<Result<IEnumerable<ApiKeyResource>>> ListAllAsync(Principal caller, AccountName account, CancellationToken cancellation)
    {
        if (UserCommands.Refuse(caller, account) is { } refusal) return refusal;
        return Shown((await store.Keys.ListAsync(null, cancellation)).Items.Where(key => key.Name.Owner.Parent == account));
    }

    /// <summary>The answer is the one place where the key itself is ever shown.</summary>
    public async Task<Result<ApiKeyResource>> CreateAsync(
        Principal caller, UserName owner, ApiKeyResource asked, CancellationToken cancellation)
    {
        if (Refuse(caller, owner) is { } refusal) return refusal;
        if (!Check(asked).TryGet(out var scopes, out var problem)) return problem;
        if ((scopes & ~caller.Scopes) != KeyScopes.None)
        {
            return Problem.PermissionDenied(
                $"The key in use has the scope {caller.Scopes.WireName()} and makes keys of no other: give \"scopes\": [\"{caller.Scopes.WireName()}\"], or use a key that has the scope all");
        }

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
            asked.DisplayName ?? "default", KeyHash.Of(key).ToStored(), ApiKey.Shown(key), user.Spec.Email, asked.ExpireTime, scopes.WireName());
        var created = await store.Keys.CreateAsync(name, spec, NoStatus.Instance, cancellation);
        if (created.Problem is null) await ring.ReloadAsync(CancellationToken.None); // it is written: no turning back
        return created.Then<ApiKeyResource>(row => ToResource(row, lastUsed: null) with { Key = key });
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

        if (await ways.WithoutKeyAsync(key.Name, cancellation) is { } last) return last;
        var deleted = await store.Keys.DeleteAsync(key, cancellation);
        if (deleted.Problem is null)
        {
            // It is gone: no turning back.
            await ring.ReloadAsync(CancellationToken.None);
            await uses.ForgetAsync(key.Name);
        }

        return deleted.Then<EmptyResponse>(_ => new EmptyResponse());
    }

    private static Problem? Refuse(Principal caller, UserName owner) =>
        caller.User == owner && caller.Role != Role.InferenceUser ? null : UserCommands.Refuse(caller, owner.Parent);

    private Result<KeyScopes> Check(ApiKeyResource asked)
    {
        var violations = new Violations();
        violations.Require(
            asked.DisplayName is null || asked.DisplayName.Length <= MaxDisplayName,
            "api_key.display_name",
            $"must have at most {MaxDisplayName} characters");
        violations.Require(asked.ExpireTime is null || asked.ExpireTime > time.GetUtcNow(), "api_key.expire_time", "must lie in the future");
        var scopes = asked.Scopes is null ? KeyScopes.All : KeyScopeNames.Parse(asked.Scopes);
        violations.Require(scopes is not null, "api_key.scopes", $"must be a list of {KeyScopeNames.Allowed}; leave it out for all");
        foreach (var field in OutputOnly(asked)) violations.Add($"api_key.{field}", "is set by the server: leave it out");
        return violations.Any ? violations.ToProblem() : scopes!.Value;
    }

    private static IEnumerable<string> OutputOnly(ApiKeyResource asked)
    {
        if (asked.KeyId is not null) yield return "key_id";
        if (asked.Key is not null) yield return "key";
        if (asked.CreateTime is not null) yield return "create_time";
        if (asked.Secure is not null) yield return "secure";
        if (asked.Email is not null) yield return "email";
        if (asked.Prefix is not null) yield return "prefix";
        if (asked.LastUsedTime is not null) yield return "last_used_time";
        if (asked.User is not null) yield return "user";
    }

    private Result<IEnumerable<ApiKeyResource>> Shown(IEnumerable<Stored<ApiKeyName, ApiKeySpec, NoStatus>> keys)
    {
        var lastUse = uses.Read();
        return keys.Select(key => ToResource(key, lastUse(key.Name))).ToList();
    }

    // A letter first, as in identifiers that people choose; 15 more of 36 are beyond any collision, and the store
    // refuses one anyway.
    private static ResourceId NewKeyId() =>
        ResourceId.Parse("k" + RandomNumberGenerator.GetString("abcdefghijklmnopqrstuvwxyz0123456789", 15));

    private static ApiKeyResource ToResource(Stored<ApiKeyName, ApiKeySpec, NoStatus> key, DateTimeOffset? lastUsed) => new()
    {
        KeyId = key.Name.KeyId.ToString(),
        DisplayName = key.Spec.DisplayName,
        CreateTime = key.CreateTime,
        Secure = true,
        Email = key.Spec.Email,
        Prefix = key.Spec.Prefix,
        ExpireTime = key.Spec.ExpireTime,
        Scopes = [(key.Spec.KeyScopes ?? KeyScopes.None).WireName()],
        LastUsedTime = lastUsed,
        User = key.Name.Owner.ToString(),
    };
}
