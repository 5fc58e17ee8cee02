namespace Stoker.Engine.Tests;

public sealed class GeneratedTokensTests
{
    [Fact]
    public void None_one_and_several_are_all_lists()
    {
        foreach (var count in new[] { 0, 1, 2, 5 })
        {
            GeneratedToken[] expected = [.. Enumerable.Range(0, count).Select(Token)];
            GeneratedTokens tokens = [.. expected];
            tokens.Count.ShouldBe(count);
            tokens.ToList().ShouldBe(expected);
            var seen = new List<GeneratedToken>();
            foreach (var token in tokens) seen.Add(token);
            seen.ShouldBe(expected);
            for (var index = 0; index < count; index++) tokens[index].ShouldBe(expected[index]);
            Should.Throw<ArgumentOutOfRangeException>(() => tokens[count]);
            Should.Throw<ArgumentOutOfRangeException>(() => tokens[-1]);
        }
    }

    [Fact]
    public void They_are_equal_by_their_tokens()
    {
        GeneratedTokens one = [Token(1)], same = [Token(1)], other = [Token(2)], more = [Token(1), Token(2)];
        (one == same, one.GetHashCode() == same.GetHashCode()).ShouldBe((true, true));
        (one == other, one == more, one != default(GeneratedTokens)).ShouldBe((false, false, true));
        (default(GeneratedTokens) == GeneratedTokens.Create([])).ShouldBeTrue();
    }

    [Fact]
    public void What_was_given_may_change_afterwards()
    {
        GeneratedToken[] source = [Token(1), Token(2)];
        var tokens = GeneratedTokens.Create(source);
        source[0] = Token(9);
        tokens[0].Id.ShouldBe(1);
    }

    private static GeneratedToken Token(int id) => new(id, default, 0, null, []);
}
