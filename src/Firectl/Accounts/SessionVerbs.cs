using System.CommandLine;
using System.Reflection;
using System.Text.Json;
using Firectl.Settings;
using Stoker.Api;
using Stoker.Api.Problems;
using Stoker.Api.Resources;

namespace Firectl.Accounts;

/// <summary><c>firectl set-api-key</c>, <c>whoami</c>, <c>version</c>.</summary>
internal static class SessionVerbs
{
    public static void Add(VerbTree verbs)
    {
        verbs.Add("set-api-key", "Store a key, and the address it is for, in a profile", SetApiKey);
        verbs.Add("whoami", "Show whose key is in use, and where", WhoAmI);
        verbs.Add("version", "Show this program's version", Version);
    }

    /// <summary>A key is stored with its address, so that it can never travel to another one.</summary>
    private static Verb SetApiKey(Command command)
    {
        var key = new Argument<string>("KEY") { Description = "The key; - reads it from standard input" };
        command.Arguments.Add(key);
        return async (invocation, _) =>
        {
            var (context, typed) = (invocation.Context, invocation.Value(key)!);
            if (typed == "-") typed = (await Console.In.ReadLineAsync(CancellationToken.None) ?? "").Trim();
            if (typed.Length == 0 || typed.Any(char.IsWhiteSpace))
            {
                throw new ProblemException(Problem.InvalidArgument("a key has no spaces and is not empty"));
            }

            var url = invocation.Value(GlobalOptions.BaseUrl)
                ?? context.Environment.GetValueOrDefault("FIREWORKS_BASE_URL")
                ?? LocalEndpoint.Read(context.Home)?.Url
                ?? throw new ProblemException(Problem.InvalidArgument("which server is the key for? Give --base-url URL"));

            var (file, section) = (IniFile.Read(ClientSettings.AuthFile(context.Home)), invocation.Value(GlobalOptions.Profile) ?? ClientSettings.DefaultProfile);
            var address = ClientSettings.ParseUrl(url, "--base-url").GetLeftPart(UriPartial.Path);
            // it was an account of another server
            if (file.Get(section, "base_url") != address) file.Remove(section, "account_id");
            file.Set(section, "api_key", typed);
            file.Set(section, "base_url", address);
            if (invocation.Value(GlobalOptions.Account) is { } account) file.Set(section, "account_id", account);
            file.WritePrivate(ClientSettings.AuthFile(context.Home));
            await context.Errors.WriteLineAsync($"Stored for {url} in [{section}] of {ClientSettings.AuthFile(context.Home)}");
            return 0;
        };
    }

    private static Verb WhoAmI(Command command) => async (invocation, cancellation) =>
    {
        var who = await invocation.Server.WhoAmIAsync(cancellation);
        var node = JsonSerializer.SerializeToNode(who, ServerConnection.Type<WhoAmIResponse>())!.AsObject();
        node["server"] = invocation.Server.Settings.BaseUrl.GetLeftPart(UriPartial.Authority);
        await invocation.WriteAsync(node);
        return 0;
    };

    private static Verb Version(Command command) => async (invocation, _) =>
    {
        var version = typeof(SessionVerbs).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";
        await invocation.WriteAsync(new() { ["version"] = version });
        return 0;
    };
}
