using System.Net;
using Stoker.Api.Problems;

namespace Firectl.Tests;

public class ErrorsTests
{
    public static TheoryData<int> Codes =>
        [.. CodeTable.All.Where(row => row.Code != Code.Ok).Select(row => (int)row.Code)];

    [Theory]
    [MemberData(nameof(Codes))]
    public async Task The_servers_code_decides_the_exit_status(int number)
    {
        var row = CodeTable.FromNumber(number).Row();
        using var run = new FirectlRun().Answer("GET /v1/whoami", $$"""{"code":{{number}},"message":"this and that","details":[]}""", (HttpStatusCode)row.HttpStatus);
        (await run.RunAsync("whoami")).ShouldBe(row.ExitStatus);
        run.Errors.ShouldBe("Error: this and that\n".ReplaceLineEndings());
        run.Output.ShouldBeEmpty();
    }

    [Fact]
    public async Task Several_violations_are_listed()
    {
        using var run = new FirectlRun().Answer("GET /v1/whoami", """
            {"code":3,"message":"a; b","details":[{"@type":"type.googleapis.com/google.rpc.BadRequest",
             "fieldViolations":[{"field":"min_replica_count","description":"must be at least 0"},{"field":"precision","description":"is unknown"}]}]}
            """, HttpStatusCode.BadRequest);
        (await run.RunAsync("whoami")).ShouldBe(2);
        run.Errors.ShouldContain("2 fields are wrong");
        run.Errors.ShouldContain("  precision is unknown");
    }

    [Theory]
    [InlineData("<html>busy</html>", HttpStatusCode.ServiceUnavailable, 8)]
    [InlineData("", HttpStatusCode.NotFound, 3)]
    [InlineData("[]", HttpStatusCode.InternalServerError, 1)]
    [InlineData("not json", HttpStatusCode.OK, 1)]
    [InlineData("null", HttpStatusCode.OK, 1)]
    public async Task What_is_no_answer_of_ours_is_told_by_its_status(string body, HttpStatusCode status, int exit)
    {
        using var run = new FirectlRun().Answer("GET /v1/whoami", body, status);
        (await run.RunAsync("whoami")).ShouldBe(exit);
        run.Errors.ShouldContain("--base-url");
    }

    [Fact]
    public async Task A_server_that_is_not_there_is_unreachable()
    {
        using var run = new FirectlRun();
        (await run.RunAsync("whoami")).ShouldBe(8);
        run.Errors.ShouldContain("http://stoker.test/ (from FIREWORKS_BASE_URL) cannot be reached");
    }

    [Theory]
    [InlineData("list models --page-size many", "Error: Cannot parse argument 'many' for option '--page-size' as a whole number.\nSee: firectl list model --help\n")]
    [InlineData("get nothing", "Error: Unrecognized command or argument 'nothing'.\nSee: firectl get --help\n")]
    [InlineData("", "Error: Required command was not provided.\nSee: firectl --help\n")]
    public async Task A_wrong_command_line_is_explained_in_words_of_the_user(string commandLine, string said)
    {
        using var run = new FirectlRun();
        (await run.RunAsync(commandLine)).ShouldBe(2);
        run.Errors.ShouldBe(said.ReplaceLineEndings());
    }

    [Fact]
    public async Task Help_is_no_error()
    {
        using var run = new FirectlRun();
        (await run.RunAsync("--help")).ShouldBe(0);
        run.Output.ShouldContain("deployment");
    }
}
