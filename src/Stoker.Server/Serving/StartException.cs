using Microsoft.Extensions.Options;
using Stoker.ControlPlane.Storage;

namespace Stoker.Server.Serving;

/// <summary>The server cannot start; the message is for the terminal and says what to do.</summary>
internal sealed class StartException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>The failures that a user can mend, in words; null for bugs, which keep their stack.</summary>
    public static StartException? Explain(Exception error, ServerOptions options) => error switch
    {
        StartException known => known,
        OptionsValidationException invalid => new($"a setting is wrong: {string.Join("; ", invalid.Failures).TrimEnd('.')}; docs/configuration.md says what is allowed", error),
        StorageException storage when storage.Message.Contains(options.DataDirectory, StringComparison.Ordinal) => new(storage.Message, error),
        StorageException storage => new($"{storage.Message.TrimEnd('.')}: can {options.DataDirectory} be written, and has its disk room?", error),
        // The generated binder's exceptions have no type of their own.
        InvalidOperationException unread when unread.Message.StartsWith("Failed to convert configuration value", StringComparison.Ordinal) =>
            new($"a setting is wrong: {unread.Message}", error),
        InvalidDataException { InnerException: { } inner } file when options.ConfigFile is not null => new($"{file.Message.TrimEnd('.')}: {inner.Message}", file),
        InvalidDataException data => new(data.Message, error),
        UnauthorizedAccessException denied => new($"{denied.Message}; choose a data directory of your own with --data (now {options.DataDirectory})", error),
        IOException io => new($"{io.Message} (data directory {options.DataDirectory}, address {options.Url})", error),
        FormatException format => new($"a setting is wrong: {format.Message}", error),
        _ => null,
    };
}
