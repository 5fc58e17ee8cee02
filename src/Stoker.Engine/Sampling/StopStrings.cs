namespace Stoker.Engine.Sampling;

/// <summary>
/// The stop strings of a request with the tables that finding them takes; made once for all its choices.
/// </summary>
internal sealed class StopStrings(IReadOnlyList<string> stops)
{
    private readonly (string Stop, int[] Failures)[] _stops = [.. stops.Select(stop => (stop, Failures(stop)))];

    public int Count => _stops.Length;

    public (string Stop, int[] Failures) this[int index] => _stops[index];

    // At i: the length of the longest proper beginning of stop[..i+1] that is also its end.
    private static int[] Failures(string stop)
    {
        var failures = new int[stop.Length];
        for (int index = 1, matched = 0; index < stop.Length; index++)
        {
            while (matched > 0 && stop[matched] != stop[index]) matched = failures[matched - 1];
            if (stop[matched] == stop[index]) matched++;
            failures[index] = matched;
        }
        return failures;
    }
}
