using System.CommandLine;
using Firectl.Output;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;

namespace Firectl.Accounts;

/// <summary><c>firectl get|list|create|update account</c>.</summary>
internal static class AccountVerbs
{
    private static readonly string[] Nouns = ["account", "accounts"];
    private static readonly Column[] Columns = [new("NAME", "name"), new("DISPLAY NAME", "displayName"), new("STATE", "state"), new("CREATE TIME", "createTime")];

    public static void Add(VerbTree verbs)
    {
        verbs.Add("get", Nouns, "Show an account", Get);
        verbs.Add("list", Nouns, "List the accounts that the key can see", List);
        verbs.Add("create", Nouns, "Create an account (operator only)", Create);
        verbs.Add("update", Nouns, "Change an account", Update);
    }

    private static Verb Get(Command command)
    {
        var id = new Argument<string?>("ACCOUNT") { Description = "Its ID (default: the key's own)", Arity = ArgumentArity.ZeroOrOne };
        command.Arguments.Add(id);
        return async (invocation, cancellation) =>
        {
            var typed = invocation.Value(id);
            var name = typed is null ? await invocation.AccountAsync(cancellation) : Named(typed);
            return await invocation.ShowAsync($"v1/{name}", ServerConnection.Type<AccountResource>(), cancellation);
        };
    }

    private static Verb List(Command command)
    {
        var listing = new Listing();
        listing.AddTo(command);
        return (invocation, cancellation) => listing.WriteAsync(
            invocation, "v1/accounts", "accounts", ServerConnection.Type<ListAccountsResponse>(), Columns, cancellation);
    }

    private static Verb Create(Command command)
    {
        var id = new Argument<string>("ACCOUNT") { Description = "Its ID" };
        var displayName = new Option<string?>("--display-name") { Description = "A name for people" };
        var email = new Option<string?>("--email") { Description = "Whom to write to" };
        command.Arguments.Add(id);
        command.Options.Add(displayName);
        command.Options.Add(email);
        return async (invocation, cancellation) =>
        {
            var body =
                new AccountResource { DisplayName = invocation.Value(displayName), Email = invocation.Value(email) };
            var path = $"v1/accounts?accountId={Named(invocation.Value(id)!).Account}";
            var type = ServerConnection.Type<AccountResource>();
            return await invocation.SendAsync(HttpMethod.Post, path, body, type, cancellation);
        };
    }

    private static Verb Update(Command command)
    {
        var id = new Argument<string?>("ACCOUNT") { Description = "Its ID (default: the key's own)", Arity = ArgumentArity.ZeroOrOne };
        var flags = new AccountFlags();
        command.Arguments.Add(id);
        flags.AddTo(command);
        return async (invocation, cancellation) =>
        {
            var mask = flags.Mask(invocation);
            if (mask.Length == 0) throw new ProblemException(Problem.InvalidArgument("nothing to change was given; see: firectl update account --help"));
            var name = invocation.Value(id) is { } typed ? Named(typed) : await invocation.AccountAsync(cancellation);
            var (path, type) = ($"v1/{name}?updateMask={Uri.EscapeDataString(mask)}", ServerConnection.Type<AccountResource>());
            var body = flags.Body(invocation);
            return await invocation.SendAsync(HttpMethod.Patch, path, body, type, cancellation);
        };
    }

    private static AccountName Named(string typed) =>
        AccountName.TryParse(typed.Contains('/') ? typed : $"accounts/{typed}", null, out var name)
            ? name
            : throw new ProblemException(Problem.InvalidArgument($"'{typed}' is no account: give an ID ({ResourceId.Rule}) or accounts/ID"));

}
