using System.Text.Json;
using Stoker.EndToEnd.Tests.Harness;
using Stoker.Testing;

namespace Stoker.EndToEnd.Tests.Benchmarking;

/// <summary><c>stoker bench</c> as a real process.</summary>
public class BenchTests
{
    private static readonly string[] Short = ["--model", TestData.Model("story-3m"), "--threads", "1", "--prefill", "20", "--sequences", "1,2", "--tokens", "4", "--runs", "1"];

    [Fact]
    public async Task Prints_a_row_for_each_kind_of_work_beside_the_machines_limit()
    {
        var (exit, output) = await RunAsync(Short);

        exit.ShouldBe(0, output);
        output.ShouldMatch(@"(?s)^phase +tokens/s +min +max +limit +share +limited by\nprefill 20 .+\ndecode x1 .+\ndecode x2 .+(memory|arithmetic)\n");
        output.ShouldContain("bf16, kernel set ");
    }

    [Fact]
    public async Task Prints_the_same_as_json()
    {
        var (exit, output) = await RunAsync([.. Short, "--json", "--precision", "int8"]);

        exit.ShouldBe(0, output);
        var report = JsonDocument.Parse(output).RootElement;
        report.GetProperty("precision").GetString().ShouldBe("int8");
        report.GetProperty("rows").EnumerateArray().Select(row => row.GetProperty("name").GetString()).ShouldBe(["prefill 20", "decode x1", "decode x2"]);
        report.GetProperty("rows")[1].GetProperty("share").GetDouble().ShouldBeGreaterThan(0);
    }

    [Theory]
    [InlineData(2, "--runs takes a number from 1 to 1000, was '0'", "--runs", "0")]
    [InlineData(2, "--tokens takes a number from 2", "--tokens", "1")]
    [InlineData(2, "--prefill takes a number", "--prefill", "long")]
    [InlineData(2, "--threads takes a number", "--threads", "two")]
    [InlineData(1, "--context-length: the model reaches from 1 to 512 positions, was 100000", "--context-length", "100000")]
    [InlineData(1, "--context-length must be at least 3", "--context-length", "2")]
    [InlineData(1, "there is no such folder", "--model", "no-such-folder")]
    [InlineData(1, "kernel set 'nope' does not exist", "--kernel-set", "nope")]
    [InlineData(2, "--sequences takes numbers", "--sequences", "0")]
    [InlineData(2, "--precision takes one of", "--precision", "int9")]
    public async Task A_wrong_call_is_one_line_that_names_what_is_wrong(int status, string named, string flag, string value)
    {
        string[] arguments = ["--model", TestData.Model("story-3m"), flag, value];
        var (exit, output) = await RunAsync(flag == "--model" ? arguments[2..] : arguments);

        exit.ShouldBe(status, output);
        output.ShouldContain(named);
        output.ShouldNotContain("   at ");
        output.ShouldNotContain("Parameter");
        output.ShouldNotContain("Actual value");
    }

    private static async Task<(int Exit, string Output)> RunAsync(params string[] arguments)
    {
        using var sandbox = new Sandbox();
        await using var run = ProgramProcess.Start(sandbox, "stoker", ["bench", .. arguments]);
        return (await run.ExitAsync(), run.Output.Trim());
    }
}
