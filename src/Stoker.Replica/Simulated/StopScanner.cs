namespace Stoker.Replica.Simulated;

/// <summary>
/// Holds text back as long as it may be the beginning of a stop string, and finds the first stop string in what came
/// together.
/// </summary>
internal sealed class StopScanner(IReadOnlyList<string> stops)
{
    private string _held = "";

    /// <returns>Text that is certain, and whether a stop string ended it.</returns>
    public (string Text, bool Stopped) Append(string text)
    {
        var all = _held + text;
        var first = -1;
        foreach (var stop in stops)
        {
            var at = all.IndexOf(stop, StringComparison.Ordinal);
            if (at >= 0 && (first < 0 || at < first)) first = at;
        }

        if (first >= 0) return (all[..first], true);
        var certain = all.Length - LongestBeginning(all);
        _held = all[certain..];
        return (all[..certain], false);
    }

    /// <summary>The answer ended: what was held back was no stop string.</summary>
    public string Flush()
    {
        var text = _held;
        _held = "";
        return text;
    }

    private int LongestBeginning(string text)
    {
        var longest = 0;
        foreach (var stop in stops)
        {
            for (var length = Math.Min(stop.Length - 1, text.Length); length > longest; length--)
            {
                if (text.EndsWith(stop[..length], StringComparison.Ordinal)) longest = length;
            }
        }

        return longest;
    }
}
