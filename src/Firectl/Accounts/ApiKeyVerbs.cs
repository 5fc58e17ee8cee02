using System.CommandLine;
using System.Text.Json;
using Firectl.Output;
using Stoker.Api.Names;
using Stoker.Api.Resources;

namespace Firectl.Accounts;

/// <summary><c>firectl create|list|delete api-key</c>: keys of the caller, or of another user of the account.</summary>
internal static class ApiKeyVerbs
{
    private static readonly string[] Nouns = ["api-key", "api-keys"];

    private static readonly Column[] Columns =
    [
        new("KEY ID", "keyId"), new("NAME", "displayName"), new("PREFIX", "prefix"), new("EMAIL", "email"),
        new("CREATE TIME", "createTime"), new("EXPIRE TIME", "expireTime"),
    ];

    public static void Add(VerbTree verbs)
    {
        verbs.Add("create", Nouns, "Create an API key; it is shown once", Create);
        verbs.Add("list", Nouns, "List API keys", List);
        verbs.Add("delete", Nouns, "Revoke an API key, at once", Delete);
    }

    private static Verb Create(Command command)
    {
        var keyName = new Option<string?>("--key-name") { Description = "A name for people (default \"default\")" };
        var expire = new Option<string?>("--expire-time") { Description = "When it ends, YYYY-MM-DD[ HH:MM:SS] in UTC (default never)" };
        var user = User(command);
        command.Options.Add(keyName);
        command.Options.Add(expire);
        return async (invocation, cancellation) =>
        {
            var body = new CreateApiKeyRequest(new ApiKeyResource { DisplayName = invocation.Value(keyName), ExpireTime = ExpireTime.Parse(invocation.Value(expire)) });
            var path = $"v1/{await UserAsync(invocation, user, cancellation)}/apiKeys";
            if (invocation.IsDryRun) return await invocation.WriteRequestAsync(HttpMethod.Post, path, body, ServerConnection.Type<CreateApiKeyRequest>());
            var created = await invocation.Server.SendAsync(
                HttpMethod.Post, path, body, ServerConnection.Type<CreateApiKeyRequest>(), ServerConnection.Type<ApiKeyResource>(), cancellation);
            await invocation.WriteAsync(JsonSerializer.SerializeToNode(created, ServerConnection.Type<ApiKeyResource>())!.AsObject());
            await invocation.Context.Errors.WriteLineAsync("The key is shown this once: store it now.");
            return 0;
        };
    }

    private static Verb List(Command command)
    {
        var (listing, user) = (new Listing(), User(command));
        listing.AddTo(command);
        return async (invocation, cancellation) => await listing.WriteAsync(
            invocation, $"v1/{await UserAsync(invocation, user, cancellation)}/apiKeys", "apiKeys", ServerConnection.Type<ListApiKeysResponse>(), Columns, cancellation);
    }

    private static Verb Delete(Command command)
    {
        var (key, user) = (new Argument<string>("KEY-ID") { Description = "The key's ID, from list" }, User(command));
        command.Arguments.Add(key);
        return async (invocation, cancellation) =>
        {
            var body = new DeleteApiKeyRequest(invocation.Value(key));
            var path = $"v1/{await UserAsync(invocation, user, cancellation)}/apiKeys:delete";
            if (invocation.IsDryRun) return await invocation.WriteRequestAsync(HttpMethod.Post, path, body, ServerConnection.Type<DeleteApiKeyRequest>());
            await invocation.Server.SendAsync(
                HttpMethod.Post, path, body, ServerConnection.Type<DeleteApiKeyRequest>(), ServerConnection.Type<EmptyResponse>(), cancellation);
            await invocation.Context.Errors.WriteLineAsync($"Revoked {body.KeyId}");
            return 0;
        };
    }

    private static Option<string?> User(Command command)
    {
        var option = new Option<string?>("--user") { Description = "The user's ID or full name (default: the one the key in use belongs to)" };
        command.Options.Add(option);
        return option;
    }

    private static async Task<UserName> UserAsync(Invocation invocation, Option<string?> option, CancellationToken cancellation)
    {
        var typed = invocation.Value(option) ?? (await invocation.Server.WhoAmIAsync(cancellation)).User;
        return await invocation.NameAsync<UserName>(typed, UserName.Collection, cancellation);
    }
}
