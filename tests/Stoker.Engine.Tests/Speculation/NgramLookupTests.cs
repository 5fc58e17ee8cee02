using FsCheck;
using FsCheck.Fluent;
using Stoker.Engine.Speculation;

namespace Stoker.Engine.Tests.Speculation;

public sealed class NgramLookupTests
{
    [Theory]
    [InlineData("abcabc", 3, 3)] // abc, and abc follows
    [InlineData("abxabyab", 2, 5)] // the latest of two
    [InlineData("cabxdabyxdab", 4, 7)] // dab
    [InlineData("cabxyab", 4, 3)]
    [InlineData("zabzbxab", 2, 3)]
    [InlineData("abca", 4, -1)] // one token is not enough
    [InlineData("abca", 1, 1)] // but where that is asked for
    [InlineData("abcaxa", 1, 4)]
    [InlineData("aaaa", 3, 3)]
    [InlineData("abcd", 3, -1)]
    [InlineData("a", 3, -1)]
    [InlineData("", 3, -1)]
    public void What_followed_the_longest_suffix_at_its_latest_place(string text, int longest, int expected) =>
        NgramLookup.Continuation([.. text.Select(letter => (int)letter)], longest).ShouldBe(expected);

    [Fact]
    public void Equals_the_plain_search() => Prop.ForAll<byte[], byte>((letters, longest) =>
    {
        int[] tokens = [.. letters.Select(letter => letter % 3)];
        var length = 1 + (longest % 6);
        return NgramLookup.Continuation(tokens, length) == Plain(tokens, length);
    }).QuickCheckThrowOnFailure();

    private static int Plain(int[] tokens, int longest)
    {
        for (var length = longest; length >= Math.Min(longest, 2); length--)
        {
            for (var end = tokens.Length - 2; end >= length - 1; end--)
            {
                if (tokens.AsSpan(end + 1 - length, length).SequenceEqual(tokens.AsSpan(tokens.Length - length))) return end + 1;
            }
        }
        return -1;
    }
}
