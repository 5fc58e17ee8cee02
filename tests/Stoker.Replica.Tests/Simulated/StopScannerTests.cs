using FsCheck;
using FsCheck.Fluent;
using Stoker.Replica.Simulated;

namespace Stoker.Replica.Tests.Simulated;

public sealed class StopScannerTests
{
    [Fact]
    public void Any_cutting_of_a_text_gives_what_stands_before_its_first_stop_string() =>
        Prop.ForAll(Gen.Choose(1, 4).ArrayOf().ToArbitrary(), Gen.Elements("ab", "aab", "ba", "cc").ArrayOf(2).ToArbitrary(), Texts(), (cuts, stops, text) =>
        {
            var scanner = new StopScanner(stops);
            var (at, given, stopped) = (0, "", false);
            for (var cut = 0; at < text.Length && !stopped; cut++)
            {
                var length = Math.Min(cuts.Length == 0 ? 1 : cuts[cut % cuts.Length], text.Length - at);
                (var certain, stopped) = scanner.Append(text.Substring(at, length));
                given += certain;
                at += length;
            }

            if (!stopped) given += scanner.Flush();
            return given == Expected(text, stops, at);
        }).QuickCheckThrowOnFailure();

    // The first stop string in what had been given when one was complete.
    private static string Expected(string text, string[] stops, int given)
    {
        var seen = text[..given];
        var first = stops.Select(stop => seen.IndexOf(stop, StringComparison.Ordinal)).Where(at => at >= 0).DefaultIfEmpty(-1).Min();
        return first < 0 ? text : seen[..first];
    }

    private static Arbitrary<string> Texts() =>
        Gen.Elements('a', 'b', 'c').ArrayOf().Select(chars => new string(chars)).ToArbitrary();
}
