namespace Stoker.Benchmarks.Tests;

public class ArgumentsTests
{
    [Theory]
    [InlineData("Unknown option '--colour'", "A", "--colour", "red")]
    [InlineData("--rounds needs a value", "A", "--rounds")]
    [InlineData("--rounds is given twice", "A", "--rounds", "1", "--rounds", "2")]
    [InlineData("Expected MODEL, got ''")]
    [InlineData("Expected MODEL, got 'A B'", "A", "B")]
    public void A_wrong_line_is_refused_with_what_was_wrong(string expected, params string[] args) =>
        Should.Throw<UsageException>(() => new Arguments(args, ["MODEL"], "--rounds")).Message.ShouldStartWith(expected);

    [Theory]
    [InlineData("0")]
    [InlineData("11")]
    [InlineData("x")]
    public void A_number_out_of_its_range_is_refused(string text) =>
        Should.Throw<UsageException>(() => new Arguments(["--rounds", text], [], "--rounds").Integer("--rounds", 5, 1, 10))
            .Message.ShouldBe($"--rounds must be an integer from 1 to 10, was '{text}'.");

    [Fact]
    public void An_absent_list_is_everything_and_an_unknown_word_is_refused()
    {
        new Arguments([], [], "--classes").Words("--classes", ["a", "b"]).ShouldBe(["a", "b"]);
        new Arguments(["--classes", "b"], [], "--classes").Words("--classes", ["a", "b"]).ShouldBe(["b"]);
        Should.Throw<UsageException>(() => new Arguments(["--classes", "a,c"], [], "--classes").Words("--classes", ["a", "b"]))
            .Message.ShouldBe("--classes must be of a, b; 'c' is not.");
    }
}
