using System.Globalization;

namespace Stoker.Benchmarks;

/// <summary>The command line was wrong; the message says how.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>A bench that checks something found it broken.</summary>
internal sealed class BenchFailedException(string message) : Exception(message);

/// <summary>What follows a bench's name: positions first, then <c>--flag VALUE</c>. Anything else is refused.</summary>
internal sealed class Arguments
{
    private readonly List<string> _positions = [];
    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    /// <param name="positions">Names of what must stand before the flags.</param>
    /// <param name="flags">Flags that are known; each takes a value.</param>
    /// <exception cref="UsageException">A position is missing, or a flag is unknown, doubled or without value.</exception>
    public Arguments(IReadOnlyList<string> args, string[] positions, params string[] flags)
    {
        for (var index = 0; index < args.Count; index++)
        {
            var argument = args[index];
            if (!argument.StartsWith("--", StringComparison.Ordinal)) _positions.Add(argument);
            else if (!flags.Contains(argument)) throw new UsageException($"Unknown option '{argument}'; known: {string.Join(", ", flags)}.");
            else if (index + 1 == args.Count) throw new UsageException($"{argument} needs a value.");
            else if (!_values.TryAdd(argument, args[++index])) throw new UsageException($"{argument} is given twice.");
        }

        if (_positions.Count != positions.Length)
        {
            throw new UsageException($"Expected {(positions.Length == 0 ? "no arguments before the options" : string.Join(' ', positions))}, got '{string.Join(' ', _positions)}'.");
        }
    }

    public string this[int position] => _positions[position];

    public string? Text(string flag) => _values.GetValueOrDefault(flag);

    public string Required(string flag) => Text(flag) ?? throw new UsageException($"{flag} is required.");

    public int Integer(string flag, int absent, int least, int most)
    {
        if (Text(flag) is not { } text) return absent;
        return int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most
            ? value
            : throw new UsageException($"{flag} must be an integer from {least} to {most}, was '{text}'.");
    }

    /// <summary>Words with commas between, each one of <paramref name="allowed"/>; absent: all of them.</summary>
    public string[] Words(string flag, string[] allowed)
    {
        if (Text(flag) is not { } text) return allowed;
        var words = text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        if (words.Length == 0) throw new UsageException($"{flag} needs one or more of {string.Join(", ", allowed)}.");
        return words.FirstOrDefault(word => !allowed.Contains(word)) is { } wrong
            ? throw new UsageException($"{flag} must be of {string.Join(", ", allowed)}; '{wrong}' is not.")
            : words;
    }

    /// <summary>Integers with commas between.</summary>
    public int[] Integers(string flag, int[] absent, int least, int most)
    {
        if (Text(flag) is not { } text) return absent;
        return [.. text.Split(',').Select(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most
            ? value
            : throw new UsageException($"{flag} must be integers from {least} to {most} with commas between, was '{text}'."))];
    }
}
