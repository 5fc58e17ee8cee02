using System.Text.RegularExpressions;

namespace Stoker.Engine.Models.Quantized;

/// <summary>A list of modules as quantised checkpoints write it: names, and in some of them patterns.</summary>
internal sealed class ModuleList
{
    /// <summary>Vendors list each norm and router of each layer: some thousand.</summary>
    private const int MaxEntries = 100_000;

    private const int MaxPatterns = 16; // each is tried on each module; real files have a handful
    private const int MaxPatternLength = 1000;
    private const string PatternPrefix = "re:";

    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly List<Regex> _patterns = [];
    private readonly bool _all;
    private readonly bool _parts;

    private ModuleList(bool all, bool parts) => (_all, _parts) = (all, parts);

    public static ModuleList Everything { get; } = new(all: true, parts: false);

    public static ModuleList Nothing { get; } = new(all: false, parts: false);

    /// <summary>
    /// Of compressed-tensors: whole names, <c>re:</c> and a pattern that the name begins with, or the class <c>Linear</c>.
    /// </summary>
    /// <exception cref="ModelLoadException">Too many, or a pattern that is not one.</exception>
    public static ModuleList ReadNames(ConfigObject config, string key)
    {
        var list = new ModuleList(config.Texts(key)?.Contains("Linear") ?? false, parts: false);
        foreach (var entry in Entries(config, key))
        {
            if (entry.StartsWith(PatternPrefix, StringComparison.Ordinal)) list._patterns.Add(list.Pattern(config, key, entry[PatternPrefix.Length..]));
            else list._names.Add(entry);
        }

        return list;
    }

    /// <summary>Of the others: a name, or some of its parts in a row, such as <c>lm_head</c> or <c>layers.0</c>.</summary>
    /// <exception cref="ModelLoadException">Too many of them.</exception>
    public static ModuleList ReadParts(ConfigObject config, string key)
    {
        var list = new ModuleList(all: false, parts: true);
        foreach (var entry in Entries(config, key)) list._names.Add(entry);
        return list;
    }

    public bool Contains(string module) =>
        _all
        || _names.Contains(module)
        || _patterns.Exists(pattern => pattern.IsMatch(module))
        || (_parts && HasRun(module));

    /// <summary>Whether some parts of the path in a row are an entry: a look for each run, however long the list is.</summary>
    private bool HasRun(string module)
    {
        var names = _names.GetAlternateLookup<ReadOnlySpan<char>>();
        for (var start = 0; start < module.Length; start = EndOfPart(module, start) + 1)
        {
            for (var end = EndOfPart(module, start); end <= module.Length; end = EndOfPart(module, end + 1))
            {
                if (names.Contains(module.AsSpan(start, end - start))) return true;
                if (end == module.Length) break;
            }
        }

        return false;
    }

    private static int EndOfPart(string module, int from) => module.IndexOf('.', from) is >= 0 and var dot ? dot : module.Length;

    private static IReadOnlyList<string> Entries(ConfigObject config, string key)
    {
        var entries = config.Texts(key) ?? [];
        return entries.Count <= MaxEntries
            ? entries
            : throw config.Fail(key, $"has {entries.Count} entries, at most {MaxEntries} are supported");
    }

    /// <summary>Without backtracking: a pattern of a stranger's file must not run for ever.</summary>
    private Regex Pattern(ConfigObject config, string key, string pattern)
    {
        if (pattern.Length > MaxPatternLength || _patterns.Count == MaxPatterns)
        {
            throw config.Fail(key, $"has a pattern of {pattern.Length} characters, or more than {MaxPatterns}: at most {MaxPatterns} of {MaxPatternLength} are supported");
        }

        try
        {
            return new Regex($"^(?:{pattern})", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
        }
        catch (Exception error) when (error is ArgumentException or NotSupportedException)
        {
            throw config.Fail(key, $"'{PatternPrefix}{pattern}' is no pattern that is supported ({error.Message}): write the modules' names");
        }
    }
}
