using Stoker.Api;
using Stoker.Api.Problems;

namespace Firectl.Settings;

/// <summary>Which server, with which key, for which account; and where each came from, for messages.</summary>
/// <remarks>
/// Order: flags, environment, profile, the server on this machine. There is no built-in address. A key travels only
/// with the address it was stored for: the profile's with the profile's, the local server's with the local server's,
/// the environment's with an address from the environment or a flag. A key typed as a flag goes wherever the same
/// command line leads.
/// </remarks>
internal sealed record ClientSettings(Uri BaseUrl, string ApiKey, string? Account, string Source)
{
    public const string DefaultProfile = "fireworks";

    public static string AuthFile(string home) => Path.Combine(home, ".fireworks", "auth.ini");

    public static string SettingsFile(string home) => Path.Combine(home, ".fireworks", "settings.ini");

    public static ClientSettings Resolve(FirectlContext context, string? urlFlag, string? keyFlag, string? accountFlag, string? profileFlag)
    {
        var profile = ReadProfile(context.Home, profileFlag);
        var (urlVariable, keyVariable) = (Variable(context, "FIREWORKS_BASE_URL"), Variable(context, "FIREWORKS_API_KEY"));
        var local = LocalServer(context.Home);

        var (url, source) = (urlFlag, urlVariable, profile.Url, local?.Url) switch
        {
            ({ } flag, _, _, _) => (flag, "--base-url"),
            (_, { } variable, _, _) => (variable, "FIREWORKS_BASE_URL"),
            (_, _, { } stored, _) => (stored, profile.Source),
            (_, _, _, { } found) => (found, "the server on this machine"),
            _ => throw new ProblemException(Problem.FailedPrecondition(
                "no server is configured and none runs on this machine: start one with `stoker serve`, or give --base-url, FIREWORKS_BASE_URL or a profile (`firectl set-api-key KEY --base-url URL`)")),
        };
        var address = ParseUrl(url, source);

        var key = keyFlag
            ?? (source is "--base-url" or "FIREWORKS_BASE_URL" ? keyVariable : null)
            ?? (SameAddress(profile.Url, address) ? profile.Key : null)
            ?? (SameAddress(local?.Url, address) ? ReadKey(local!.KeyFile) : null)
            ?? throw new ProblemException(new Problem(Code.Unauthenticated, WhyNoKey(address, keyVariable, profile)));

        if (keyFlag is null && keyVariable is not null && source is not ("--base-url" or "FIREWORKS_BASE_URL"))
        {
            context.Errors.WriteLine($"Note: the key in FIREWORKS_API_KEY is not used for {source}: set FIREWORKS_BASE_URL beside it if it belongs there");
        }

        var account = accountFlag ?? Variable(context, "FIREWORKS_ACCOUNT_ID") ?? (SameAddress(profile.Url, address) ? profile.Account : null);
        return new ClientSettings(address, key, account, source);
    }

    public static Uri ParseUrl(string text, string source) =>
        Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https"
            ? url
            : throw new ProblemException(Problem.InvalidArgument($"{source} is '{text}', which is no http:// or https:// address"));

    private static string WhyNoKey(Uri address, string? keyVariable, (string? Url, string? Key, string? Account, string Source) profile)
    {
        var unused = (keyVariable, profile.Key) switch
        {
            ({ }, _) => " (the key in FIREWORKS_API_KEY is not sent there: set FIREWORKS_BASE_URL beside it if it belongs there)",
            (_, { }) => $" (the key in {profile.Source} was stored for {profile.Url ?? "no address"})",
            _ => "",
        };
        return $"no API key for {address.GetLeftPart(UriPartial.Authority)}{unused}: store one with `firectl set-api-key KEY --base-url {address.GetLeftPart(UriPartial.Authority)}` or give --api-key";
    }

    private static string? Variable(FirectlContext context, string name) =>
        context.Environment.TryGetValue(name, out var value) && value.Length > 0 ? value : null;

    private static (string? Url, string? Key, string? Account, string Source) ReadProfile(string home, string? asked)
    {
        var (auth, settings) = (IniFile.Read(AuthFile(home)), IniFile.Read(SettingsFile(home)));
        var section = asked ?? DefaultProfile;
        if (asked is not null && !auth.Has(asked) && !settings.Has(asked))
        {
            throw new ProblemException(Problem.NotFound($"there is no profile '{asked}' in {AuthFile(home)} or {SettingsFile(home)}"));
        }

        // Without --profile the hosted tool's older form, keys before any section, is read too; but never the key of
        // one section with the address of another.
        if (asked is null && Find("base_url") is null && Find("api_key") is null) section = "";
        return (Find("base_url"), Find("api_key"), Find("account_id"), $"profile [{section}] of {AuthFile(home)}");

        string? Find(string key) => auth.Get(section, key) ?? settings.Get(section, key);
    }

    private static LocalEndpoint? LocalServer(string home) =>
        LocalEndpoint.Read(home) is { } endpoint && endpoint.IsServerAlive() ? endpoint : null;

    private static bool SameAddress(string? stored, Uri address) =>
        Uri.TryCreate(stored, UriKind.Absolute, out var url)
        && Uri.Compare(url, address, UriComponents.SchemeAndServer, UriFormat.UriEscaped, StringComparison.OrdinalIgnoreCase) == 0;

    private static string ReadKey(string file)
    {
        try
        {
            return File.ReadAllText(file).Trim();
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ProblemException(new Problem(Code.Unauthenticated, $"the local server's key cannot be read: {error.Message}"));
        }
    }
}
