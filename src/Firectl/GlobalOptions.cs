using System.CommandLine;

namespace Firectl;

/// <summary>Flags that every command takes.</summary>
internal static class GlobalOptions
{
    public static readonly Option<string?> Account =
        new("--account-id", "-a") { Description = "The account; else FIREWORKS_ACCOUNT_ID, the profile's, or the key's own", Recursive = true };

    public static readonly Option<string?> ApiKey =
        new("--api-key") { Description = "The API key; else FIREWORKS_API_KEY, the profile's, or the local server's admin key", Recursive = true };

    public static readonly Option<string?> BaseUrl =
        new("--base-url") { Description = "The server; else FIREWORKS_BASE_URL, the profile's, or the server on this machine", Recursive = true };

    public static readonly Option<string?> Profile =
        new("--profile", "-p") { Description = "The section of ~/.fireworks/auth.ini and settings.ini (default: fireworks)", Recursive = true };

    public static readonly Option<string> Output = OutputOption();

    public static readonly Option<bool> DryRun =
        new("--dry-run") { Description = "Print the request of a changing command and send nothing", Recursive = true };

    public static IReadOnlyList<Option> All => [Account, ApiKey, BaseUrl, Profile, Output, DryRun];

    private static Option<string> OutputOption()
    {
        var option = new Option<string>("--output", "-o") { Description = "text or json", Recursive = true, DefaultValueFactory = _ => "text" };
        option.AcceptOnlyFromAmong("text", "json");
        return option;
    }
}
