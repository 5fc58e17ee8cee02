using System.Text.RegularExpressions;

namespace Stoker.Engine.Models;

/// <summary>Values by module: of names that a path is or ends in, and of expressions. The first entry that matches counts.</summary>
/// <remarks>
/// An addon's author writes them. Settings of PEFT may name each module of a large model, so that names are looked up; an expression
/// costs time for every module, so that few are taken, by the engine without backtracking: linear in a path's length.
/// </remarks>
internal sealed class ModulePatterns<T>(ConfigObject config, string key)
{
    private const int MostNames = 1 << 14; // more than any model has modules that an addon may change
    private const int MostExpressions = 64;
    private const int MostLength = 4096; // of an expression

    private readonly Dictionary<string, (int Order, T Value)> _names = new(StringComparer.Ordinal);
    private readonly List<(Regex Path, int Order, T Value)> _expressions = [];
    private int _count;

    /// <param name="name">A path, or its end from a dot on.</param>
    public void AddName(string name, T value)
    {
        if (_names.Count == MostNames) throw config.Fail(key, $"has more than {MostNames} names");
        _names.TryAdd(name, (_count++, value));
    }

    /// <param name="expression">Of whole paths.</param>
    /// <exception cref="ModelLoadException">It cannot be checked in bounded time, or there are too many.</exception>
    public void AddExpression(string expression, T value)
    {
        if (_expressions.Count == MostExpressions) throw config.Fail(key, $"has more than {MostExpressions} expressions; name modules in plain letters");
        if (expression.Length > MostLength) throw config.Fail(key, $"has an expression of {expression.Length} characters, {MostLength} are allowed");
        _expressions.Add((Compile(expression), _count++, value));
    }

    /// <summary>A key of a pattern table: an expression of a path's end. In plain letters, with dots as they are or escaped, it is a name.</summary>
    public void AddEnd(string pattern, T value)
    {
        var name = pattern.Replace(@"\.", ".", StringComparison.Ordinal);
        if (name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.')) AddName(name, value);
        else AddExpression($@"(?:.*\.)?(?:{pattern})", value);
    }

    public T Find(string path, T otherwise)
    {
        var (first, found) = (int.MaxValue, otherwise);
        for (var start = 0; start >= 0; start = NextPart(path, start))
        {
            if (_names.TryGetValue(path[start..], out var named) && named.Order < first) (first, found) = named;
        }

        foreach (var (pattern, order, value) in _expressions)
        {
            if (order > first) break; // they are in order
            if (pattern.IsMatch(path)) return value;
        }

        return found;
    }

    private static int NextPart(string path, int start) => path.IndexOf('.', start) is >= 0 and var dot ? dot + 1 : -1;

    private Regex Compile(string pattern)
    {
        try
        {
            return new Regex($@"\A(?:{pattern})\z", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
        }
        catch (Exception error) when (error is ArgumentException or NotSupportedException)
        {
            throw new ModelLoadException(config.File, key, "is not an expression that can be checked in bounded time (look-around and back-references cannot): name modules in plain letters", error);
        }
    }
}
