using System.CommandLine;
using Firectl.Output;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;

namespace Firectl.Accounts;

/// <summary><c>firectl create|get|list|update|delete user</c>: people and service accounts. Changes take an admin.</summary>
internal static class UserVerbs
{
    private static readonly string[] Nouns = ["user", "users"];

    private static readonly Column[] Columns =
    [
        new("NAME", "name"), new("ROLE", "role"), new("EMAIL", "email"), new("DISPLAY NAME", "displayName"), new("SERVICE ACCOUNT", "serviceAccount"),
        new("CREATE TIME", "createTime"),
    ];

    public static void Add(VerbTree verbs)
    {
        verbs.Add("create", Nouns, "Create a user or a service account", Create);
        verbs.Add("get", Nouns, "Show a user", Get);
        verbs.Add("list", Nouns, "List the users of the account", List);
        verbs.Add("update", Nouns, "Change a user", Update);
        verbs.Add("delete", Nouns, "Delete a user and revoke its keys, at once", Delete);
    }

    private static Verb Create(Command command)
    {
        var id = new Option<string?>("--user-id") { Description = "Its ID (default: made from the e-mail address)" };
        var service = new Option<bool>("--service-account") { Description = "A program's user: it has keys and no e-mail address of its own" };
        var flags = new UserFlags();
        command.Options.Add(id);
        command.Options.Add(service);
        flags.AddTo(command);
        return async (invocation, cancellation) =>
        {
            var body = flags.Over(invocation);
            body = body with { Role = body.Role ?? "user", ServiceAccount = invocation.Given(service) };
            var query = invocation.Value(id) is { } typed ? $"?userId={Uri.EscapeDataString(typed)}" : "";
            var (path, json) = ($"v1/{await invocation.AccountAsync(cancellation)}/users{query}", ServerConnection.Type<UserResource>());
            return await invocation.SendAsync(HttpMethod.Post, path, body, json, cancellation);
        };
    }

    private static Verb Get(Command command)
    {
        var name = NameArgument(command);
        return async (invocation, cancellation) =>
        {
            var path = $"v1/{await name.OfAsync(invocation, cancellation)}";
            return await invocation.ShowAsync(path, ServerConnection.Type<UserResource>(), cancellation);
        };
    }

    private static Verb List(Command command)
    {
        var listing = new Listing();
        listing.AddTo(command);
        return async (invocation, cancellation) => await listing.WriteAsync(
            invocation, $"v1/{await invocation.AccountAsync(cancellation)}/users", "users", ServerConnection.Type<ListUsersResponse>(), Columns, cancellation);
    }

    private static Verb Update(Command command)
    {
        var (name, flags) = (NameArgument(command), new UserFlags());
        flags.AddTo(command);
        return async (invocation, cancellation) =>
        {
            var mask = flags.Mask(invocation);
            if (mask.Length == 0) throw new ProblemException(Problem.InvalidArgument("nothing to change was given; see: firectl update user --help"));
            var path = $"v1/{await name.OfAsync(invocation, cancellation)}?updateMask={Uri.EscapeDataString(mask)}";
            var (body, json) = (flags.Over(invocation), ServerConnection.Type<UserResource>());
            return await invocation.SendAsync(HttpMethod.Patch, path, body, json, cancellation);
        };
    }

    private static Verb Delete(Command command)
    {
        var name = NameArgument(command);
        return async (invocation, cancellation) =>
        {
            var full = await name.OfAsync(invocation, cancellation);
            return await invocation.DeleteAsync(full.ToString(), cancellation, also: " and revoked its keys");
        };
    }

    private static NameArgument<UserName> NameArgument(Command command) => new(command, "USER", UserName.Collection);
}

/// <summary>What of a user may change.</summary>
internal sealed class UserFlags : FieldFlags
{
    private readonly Option<string?> _displayName, _email, _role;

    public UserFlags()
    {
        _displayName = Text("--display-name", "display_name", "A name for people, fewer than 64 characters");
        _email = Text("--email", "email", "The user's address");
        _role = Text("--role", "role", "admin, user, contributor or inference-user (of a new user: user)");
    }

    public UserResource Over(Invocation invocation) => new()
    {
        DisplayName = invocation.Value(_displayName),
        Email = invocation.Value(_email),
        Role = invocation.Value(_role),
    };
}
