using System.CommandLine;
using Firectl.Output;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;

namespace Firectl.Capacity;

/// <summary><c>firectl get|list|update quota</c>.</summary>
internal static class QuotaVerbs
{
    private static readonly string[] Nouns = ["quota", "quotas"];

    private static readonly Column[] Columns =
    [
        new("NAME", "name"), new("VALUE", "value"), new("MAX VALUE", "maxValue"), new("USAGE", "usage"), new("RESERVED", "reservedCount"),
    ];

    public static void Add(VerbTree verbs)
    {
        verbs.Add("get", Nouns, "Show a quota", Get);
        verbs.Add("list", Nouns, "List quotas: accelerators of each type that the account may hold", List);
        verbs.Add("update", Nouns, "Lower a quota, or set its limit (operator only)", Update);
    }

    private static Verb Get(Command command)
    {
        var name = NameArgument(command);
        return async (invocation, cancellation) =>
        {
            var path = $"v1/{await name.OfAsync(invocation, cancellation)}";
            return await invocation.ShowAsync(path, ServerConnection.Type<QuotaResource>(), cancellation);
        };
    }

    private static Verb List(Command command)
    {
        var listing = new Listing();
        listing.AddTo(command);
        return async (invocation, cancellation) => await listing.WriteAsync(
            invocation, $"v1/{await invocation.AccountAsync(cancellation)}/quotas", "quotas", ServerConnection.Type<ListQuotasResponse>(), Columns, cancellation);
    }

    private static Verb Update(Command command)
    {
        var name = NameArgument(command);
        var value = new Option<long>("--value") { Description = "Accelerators that the account may hold, at most its limit" };
        var most = new Option<long>("--max-value") { Description = "The limit (operator only)" };
        command.Options.Add(value);
        command.Options.Add(most);
        return async (invocation, cancellation) =>
        {
            var (body, mask) = (new QuotaResource { Value = invocation.Given(value), MaxValue = invocation.Given(most) }, new List<string>());
            if (body.Value is not null) mask.Add("value");
            if (body.MaxValue is not null) mask.Add("max_value");
            if (mask.Count == 0) throw new ProblemException(Problem.InvalidArgument("nothing to change was given: --value or --max-value"));
            var path = $"v1/{await name.OfAsync(invocation, cancellation)}?updateMask={Uri.EscapeDataString(string.Join(',', mask))}";
            var json = ServerConnection.Type<QuotaResource>();
            return await invocation.SendAsync(HttpMethod.Patch, path, body, json, cancellation);
        };
    }

    private static NameArgument<QuotaName> NameArgument(Command command) => new(command, "QUOTA", QuotaName.Collection, "global--h100-count");
}
