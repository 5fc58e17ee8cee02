using System.Globalization;
using Stoker.Api.Problems;

namespace Stoker.Simulation.Traces;

/// <summary>The lines of one trace, one at a time; whatever is wrong is said with the line's number.</summary>
internal sealed class TraceLines(string name, TextReader text)
{
    /// <summary>Longer lines are no line of a trace, and would only fill the memory.</summary>
    private const int MostCharacters = 1 << 20;

    private const int MostShown = 40;

    public string Name => name;

    /// <summary>Of the line at hand, from 1.</summary>
    public int Number { get; private set; }

    public string Line { get; private set; } = "";

    public bool Next()
    {
        if (text.ReadLine() is not { } line) return false;
        (Line, Number) = (line, Number + 1);
        return true;
    }

    public Problem Wrong(string message) => Problem.InvalidArgument($"{name} line {Number}: {message}");

    /// <summary>The cells of the line, exactly as many as the heading has.</summary>
    public Result<string[]> Cells(string heading)
    {
        if (Line.Length > MostCharacters) return Wrong($"it has {Line.Length} characters, at most {MostCharacters} are read");
        var (cells, count) = (Line.Split(','), heading.Count(letter => letter == ',') + 1);
        return cells.Length == count ? cells : Wrong($"expected {count} values ({heading}), got {cells.Length}");
    }

    /// <summary>A count from <paramref name="least"/> up, without sign, point or spaces.</summary>
    public Problem? Count(string what, string cell, int least, out int value) =>
        int.TryParse(cell, NumberStyles.None, CultureInfo.InvariantCulture, out value) && value >= least
            ? null
            : Wrong($"{what} must be a whole number from {least} to {int.MaxValue}, was '{Shown(cell)}'");

    public Problem? Amount(string what, string cell, double least, double most, out double value) =>
        double.TryParse(cell, NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out value)
            && value >= least && value <= most
                ? null
                : Wrong(string.Create(CultureInfo.InvariantCulture, $"{what} must be a number from {least} to {most}, was '{Shown(cell)}'"));

    public static string Shown(string cell) => cell.Length <= MostShown ? cell : cell[..MostShown] + "...";
}
