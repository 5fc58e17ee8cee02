using System.Text.RegularExpressions;

namespace Stoker.Replica;

/// <summary>The engine's refusal to open, in the words of a command line: the engine names its own options, which its user never saw.</summary>
public static partial class EngineRefusal
{
    /// <param name="flags">By the option's name what the command calls it; other names stay.</param>
    public static string Line(Exception error, IReadOnlyDictionary<string, string> flags)
    {
        var message = error is ArgumentException { ParamName: { } parameter } // .NET adds the name of a parameter of our code
            ? error.Message.Replace($" (Parameter '{parameter}')", "", StringComparison.Ordinal)
            : error.Message;
        // Only these speak of options; the others quote files, whose words are their own.
        if (error is not (ArgumentException or OutOfMemoryException or InvalidOperationException)) return message;
        return Name().Replace(message, match => flags.GetValueOrDefault(match.Value, match.Value));
    }

    /// <summary>A word that begins upper case, unless it is part of a path.</summary>
    [GeneratedRegex(@"(?<![\w/\\.'-])[A-Z]\w*(?![\w/\\'-]|\.\w)", RegexOptions.CultureInvariant)]
    private static partial Regex Name();
}
