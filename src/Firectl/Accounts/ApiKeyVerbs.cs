using System.CommandLine;
using System.Text.Json;
using Firectl.Output;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;

namespace Firectl.Accounts;

/// <summary><c>firectl create|list|delete api-key</c>: keys of the caller, or of another user of the account.</summary>
internal static class ApiKeyVerbs
{
    private static readonly string[] Nouns = ["api-key", "api-keys"];

    private static readonly Column[] Columns =
    [
        new("KEY ID", "keyId"), new("NAME", "displayName"), new("PREFIX", "prefix"), new("USER", "user"), new("SCOPES", "scopes"),
        new("CREATE TIME", "createTime"), new("EXPIRE TIME", "expireTime"), new("LAST USED TIME", "lastUsedTime"),
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
        var scopes = new Option<string?>("--scopes") { Description = "What it opens: inference, control or all (default all)" };
        var user = new UserOption(command);
        command.Options.Add(keyName);
        command.Options.Add(expire);
        command.Options.Add(scopes);
        return async (invocation, cancellation) =>
        {
            var body = new CreateApiKeyRequest(new ApiKeyResource
            {
                DisplayName = invocation.Value(keyName),
                ExpireTime = ExpireTime.Parse(invocation.Value(expire)),
                Scopes = invocation.Value(scopes)?.Split(',', StringSplitOptions.TrimEntries),
            });
            var path = $"v1/{await user.NameAsync(invocation, cancellation)}/apiKeys";
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
        var (listing, user) = (new Listing(), new UserOption(command));
        var everybodys = new Option<bool>("--all-users") { Description = "Those of all users of the account (admins)" };
        listing.AddTo(command);
        command.Options.Add(everybodys);
        return async (invocation, cancellation) =>
        {
            var all = invocation.Value(everybodys);
            if (all && user.IsGiven(invocation)) throw new ProblemException(Problem.InvalidArgument("--all-users and a user were given: leave out one of them"));
            var owner = all ? $"{await invocation.AccountAsync(cancellation)}/users/-" : (await user.NameAsync(invocation, cancellation)).ToString();
            return await listing.WriteAsync(invocation, $"v1/{owner}/apiKeys", "apiKeys", ServerConnection.Type<ListApiKeysResponse>(), Columns, cancellation);
        };
    }

    private static Verb Delete(Command command)
    {
        var (key, user) = (new Argument<string>("KEY-ID") { Description = "The key's ID, from list" }, new UserOption(command));
        command.Arguments.Add(key);
        return async (invocation, cancellation) =>
        {
            var body = new DeleteApiKeyRequest(invocation.Value(key));
            var path = $"v1/{await user.NameAsync(invocation, cancellation)}/apiKeys:delete";
            if (invocation.IsDryRun) return await invocation.WriteRequestAsync(HttpMethod.Post, path, body, ServerConnection.Type<DeleteApiKeyRequest>());
            await invocation.Server.SendAsync(
                HttpMethod.Post, path, body, ServerConnection.Type<DeleteApiKeyRequest>(), ServerConnection.Type<EmptyResponse>(), cancellation);
            await invocation.Context.Errors.WriteLineAsync($"Revoked {body.KeyId}");
            return 0;
        };
    }
}

/// <summary>Whose keys are meant: <c>--user</c>, or <c>--service-account</c>, which is a user as well.</summary>
internal sealed class UserOption
{
    private readonly Option<string?> _user =
        new("--user") { Description = "The user's ID or full name (default: the one the key in use belongs to)" };

    private readonly Option<string?> _service = new("--service-account") { Description = "The service account's ID or full name" };

    public UserOption(Command command)
    {
        command.Options.Add(_user);
        command.Options.Add(_service);
    }

    public bool IsGiven(Invocation invocation) => invocation.IsGiven(_user) || invocation.IsGiven(_service);

    public async Task<UserName> NameAsync(Invocation invocation, CancellationToken cancellation)
    {
        if (invocation.IsGiven(_user) && invocation.IsGiven(_service))
        {
            throw new ProblemException(Problem.InvalidArgument("--user and --service-account were given: a key belongs to one of them"));
        }

        var typed = invocation.Value(_user) ?? invocation.Value(_service) ?? (await invocation.Server.WhoAmIAsync(cancellation)).User;
        return await invocation.NameAsync<UserName>(typed, UserName.Collection, cancellation);
    }
}
