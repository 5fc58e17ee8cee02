using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Stoker.Engine.Sampling;

namespace Stoker.Engine.Tests.Sampling;

public sealed class StopScannerTests
{
    [Fact]
    public void A_stop_string_is_found_across_pieces_and_left_out() =>
        Scan(["END"], includeStop: false, "one E", "N", "D two").ShouldBe(("one ", true));

    [Fact]
    public void It_can_be_included_and_what_follows_is_dropped() =>
        Scan(["END"], includeStop: true, "one E", "N", "D two").ShouldBe(("one END", true));

    [Fact]
    public void Only_what_may_become_a_stop_string_is_held_back()
    {
        var scanner = new StopScanner(new(["abc"]), includeStop: false);
        Push(scanner, "xxab").ShouldBe("xx");
        Push(scanner, "a").ShouldBe("ab");
        Push(scanner, "x").ShouldBe("ax");
        Push(scanner, "ab").ShouldBe("");
        scanner.Flush().ShouldBe("ab");
    }

    [Fact]
    public void The_one_that_is_complete_first_wins_and_the_longest_on_ties()
    {
        Scan(["abcd", "bc"], includeStop: false, "xabcd").ShouldBe(("xa", true));
        Scan(["bc", "abc"], includeStop: false, "xabc").ShouldBe(("x", true));
    }

    [Fact]
    public void Overlapping_beginnings_are_found() => Scan(["aab"], includeStop: false, "aaab").ShouldBe(("a", true));

    [Fact]
    public void Pieces_do_not_matter() => Prop.ForAll<byte[], byte[], bool>((letters, cuts, includeStop) =>
    {
        var text = string.Concat(letters.Select(letter => (char)('a' + (letter % 3))));
        string[] stops = ["abca", "bb", "cacab"];
        var (whole, stopped) = Scan(stops, includeStop, text);
        return Scan(stops, includeStop, Cut(text, cuts)) == (whole, stopped) && (whole, stopped) == Plain(stops, includeStop, text);
    }).QuickCheckThrowOnFailure();

    /// <summary>The plain slow form: look for every stop string at every end.</summary>
    private static (string, bool) Plain(string[] stops, bool includeStop, string text)
    {
        for (var end = 1; end <= text.Length; end++)
        {
            var found = stops.Where(stop => text.AsSpan(0, end).EndsWith(stop)).MaxBy(stop => stop.Length);
            if (found is not null) return (text[..(includeStop ? end : end - found.Length)], true);
        }
        return (text, false);
    }

    private static string[] Cut(string text, byte[] cuts)
    {
        var pieces = new List<string>();
        foreach (var cut in cuts)
        {
            var length = Math.Min(cut % 4, text.Length);
            pieces.Add(text[..length]);
            text = text[length..];
        }
        return [.. pieces, text];
    }

    private static (string, bool) Scan(string[] stops, bool includeStop, params string[] pieces)
    {
        var scanner = new StopScanner(new(stops), includeStop);
        var text = new StringBuilder();
        foreach (var piece in pieces)
        {
            var stopped = scanner.Push(piece, out var released);
            text.Append(released);
            if (stopped) return (text.ToString(), true);
        }
        return (text.Append(scanner.Flush()).ToString(), false);
    }

    private static string Push(StopScanner scanner, string piece)
    {
        scanner.Push(piece, out var released).ShouldBeFalse();
        return released;
    }
}
