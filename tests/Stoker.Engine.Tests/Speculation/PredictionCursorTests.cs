using FsCheck;
using FsCheck.Fluent;
using Stoker.Engine.Speculation;

namespace Stoker.Engine.Tests.Speculation;

public sealed class PredictionCursorTests
{
    [Theory]
    [InlineData("abcdefgh", "abc", "defgh", 3)] // follows
    [InlineData("abcdefgh", "", "abcdefgh", 0)]
    [InlineData("abcdefgh", "abcdefgh", "", 8)] // at its end
    [InlineData("abcdefgh", "abcdef?", "", 6)] // lost
    [InlineData("abcdefgh", "abcd?ef", "gh", 5)] // an insertion: e stands among the next ones
    [InlineData("abcdefgh", "abcd?f", "gh", 4)] // a replacement
    [InlineData("abcdefgh", "abcdfg", "h", 5)] // a deletion
    [InlineData("abcdefghijklmnop", "abcdmn", "op", 4)] // a long one: m alone is too far away, mn is not
    [InlineData("abcdefghijklmnop", "abcdm", "", 4)]
    [InlineData("abcdefghijklmnop", "abcd??????ef", "ghijklmnop", 5)] // a long insertion
    [InlineData("abcdefgh", "xyz", "", 0)]
    [InlineData("abcdefgh", "xyzab", "cdefgh", 1)] // from the beginning after another beginning
    public void Goes_on_where_the_answer_stands(string predicted, string answer, string rest, int matched)
    {
        var cursor = new PredictionCursor(Ids(predicted));
        cursor.Follow(Ids(answer));
        new string([.. cursor.Rest.ToArray().Select(id => (char)id)]).ShouldBe(rest);
        (cursor.Matched, cursor.Seen).ShouldBe((matched, answer.Length));
    }

    [Fact]
    public void A_chance_find_does_not_lead_away_for_good()
    {
        // c of the inserted text stands among the next ones and leads behind them; the true place is found all the same
        var cursor = new PredictionCursor(Ids("0123456abcdefghijklmnop"));
        cursor.Follow(Ids("0123456XcYdZab"));
        cursor.Rest.ToArray().ShouldBe(Ids("cdefghijklmnop"));
    }

    [Fact]
    public void Steps_by_steps_or_all_at_once_lead_to_the_same_place() => Prop.ForAll<byte[], byte[], byte>((text, answer, cut) =>
    {
        int[] predicted = [.. text.Select(letter => letter % 5)], tokens = [.. answer.Select(letter => letter % 5)];
        var (whole, pieces) = (new PredictionCursor(predicted), new PredictionCursor(predicted));
        whole.Follow(tokens);
        pieces.Follow(tokens.AsSpan(0, tokens.Length == 0 ? 0 : cut % tokens.Length));
        pieces.Follow(tokens);
        return whole.Rest.SequenceEqual(pieces.Rest) && whole.Matched == pieces.Matched && whole.Matched <= tokens.Length && whole.Seen == tokens.Length;
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void An_answer_that_is_the_prediction_matches_throughout() => Prop.ForAll<byte[]>(text =>
    {
        int[] predicted = [.. text.Select(letter => (int)letter)];
        var cursor = new PredictionCursor(predicted);
        foreach (var token in predicted)
        {
            if (cursor.Rest[0] != token) return false;
            cursor.Advance(token);
        }
        return cursor.Matched == predicted.Length && cursor.Rest.IsEmpty;
    }).QuickCheckThrowOnFailure();

    private static int[] Ids(string text) => [.. text.Select(letter => (int)letter)];
}
