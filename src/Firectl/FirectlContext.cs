using System.Collections;

namespace Firectl;

/// <summary>Everything of the outside that firectl touches, so that a test can put its own in place.</summary>
internal sealed record FirectlContext
{
    public required TextWriter Output { get; init; }

    /// <summary>Errors, hints and live lines; never a part of the answer.</summary>
    public required TextWriter Errors { get; init; }

    public required IReadOnlyDictionary<string, string> Environment { get; init; }

    /// <summary>
    /// The home directory: <c>.fireworks/auth.ini</c>, <c>.fireworks/settings.ini</c> and <c>.stoker/endpoint.json</c>
    /// are looked for in it.
    /// </summary>
    public required string Home { get; init; }

    /// <summary>Whether a line on <see cref="Errors"/> can be drawn over: a terminal.</summary>
    public required bool IsTerminal { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Where requests go; null is the network.</summary>
    public HttpMessageHandler? Network { get; init; }

    public static FirectlContext OfProcess() => new()
    {
        Output = Console.Out,
        Errors = Console.Error,
        Environment = System.Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .ToDictionary(entry => (string)entry.Key, entry => (string?)entry.Value ?? "", StringComparer.Ordinal),
        Home = System.Environment.GetFolderPath(System.Environment.SpecialFolder.UserProfile, System.Environment.SpecialFolderOption.DoNotVerify),
        IsTerminal = !Console.IsErrorRedirected,
    };
}
