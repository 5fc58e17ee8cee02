using System.Text;

namespace Stoker.Engine.Sampling;

/// <summary>
/// Finds the first stop string in a text that comes in pieces, and holds back only what may become one.
/// </summary>
/// <remarks>
/// "First" is the one that is complete first, the longest on ties: that does not depend on where the pieces are cut.
/// Each stop string has a Knuth-Morris-Pratt state, which is the length of the longest held end that is a beginning of
/// it.
/// </remarks>
internal sealed class StopScanner(StopStrings stops, bool includeStop)
{
    private readonly int[] _matched = new int[stops.Count];
    private readonly StringBuilder _held = new();

    /// <summary>
    /// Takes the next piece, gives back the text that became certain. After true, the text is at its end.
    /// </summary>
    public bool Push(string piece, out string released)
    {
        released = piece;
        if (stops.Count == 0) return false;
        foreach (var unit in piece)
        {
            _held.Append(unit);
            if (Advance(unit) is not (> 0 and var length)) continue;
            released = _held.ToString(0, _held.Length - (includeStop ? 0 : length));
            _held.Clear();
            return true;
        }
        var keep = includeStop ? 0 : _matched.Max();
        released = _held.ToString(0, _held.Length - keep);
        _held.Remove(0, _held.Length - keep);
        return false;
    }

    /// <summary>What is still held: nothing more comes.</summary>
    public string Flush()
    {
        var rest = _held.ToString();
        _held.Clear();
        return rest;
    }

    /// <summary>The length of the longest stop string that ends with this character, or 0.</summary>
    private int Advance(char unit)
    {
        var longest = 0;
        for (var index = 0; index < stops.Count; index++)
        {
            var (stop, failures) = stops[index];
            var matched = _matched[index];
            while (matched > 0 && stop[matched] != unit) matched = failures[matched - 1];
            if (stop[matched] == unit) matched++;
            _matched[index] = matched;
            if (matched == stop.Length) longest = Math.Max(longest, matched);
        }
        return longest;
    }
}
