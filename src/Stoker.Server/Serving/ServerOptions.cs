namespace Stoker.Server.Serving;

/// <summary>
/// How one server is started; the rest of its settings are the slices' options, from <see cref="ConfigFile"/> and the
/// environment.
/// </summary>
internal sealed record ServerOptions
{
    public static readonly Uri DefaultUrl = new("http://127.0.0.1:7865");

    /// <summary>The one address it listens on. Port 0 takes a free one.</summary>
    public required Uri Url { get; init; }

    public required string DataDirectory { get; init; }

    /// <summary>
    /// A JSON file of options, <c>{"Stoker": {"Capacity": {...}}}</c>; environment variables
    /// (<c>Stoker__Capacity__...</c>) win over it.
    /// </summary>
    public string? ConfigFile { get; init; }

    /// <summary>
    /// Replicas outlive the server when it is told to stop: an upgrade, where the next server adopts them.
    /// </summary>
    public bool LeaveReplicas { get; init; }

    /// <summary>The way back in when the admin key is lost.</summary>
    public bool NewAdminKey { get; init; }

    /// <summary>Least severe log line that reaches the terminal.</summary>
    public LogLevel LogLevel { get; init; } = LogLevel.Information;

    /// <summary>The data directory: asked for, else <c>STOKER_DATA</c>, else <c>~/.stoker</c>.</summary>
    public static string DataDirectoryOr(string? asked)
    {
        var chosen = asked ?? Environment.GetEnvironmentVariable("STOKER_DATA");
        return Path.GetFullPath(string.IsNullOrEmpty(chosen) ? Path.Combine(Home, ".stoker") : chosen);
    }

    public static string Home =>
        Environment.GetFolderPath(Environment.SpecialFolder.UserProfile, Environment.SpecialFolderOption.DoNotVerify);
}
