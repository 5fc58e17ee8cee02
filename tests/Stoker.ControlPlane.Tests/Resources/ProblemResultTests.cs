using System.Text;
using Microsoft.AspNetCore.Http;
using Stoker.Api.Problems;
using Stoker.ControlPlane.Resources;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Tests.Resources;

public class ProblemResultTests
{
    public static TheoryData<Code> Codes => [.. CodeTable.All.Select(row => row.Code).Where(code => code != Code.Ok)];

    [Theory]
    [MemberData(nameof(Codes))]
    public async Task Every_code_is_answered_with_its_status_and_number(Code code)
    {
        var (response, body) = await Answer(new Problem(code, "why"));

        (response.StatusCode, response.ContentType).ShouldBe((code.Row().HttpStatus, "application/json"));
        body.ShouldBe($$"""{"code":{{(int)code}},"message":"why","details":[]}""");
        response.ContentLength.ShouldBe(body.Length);
        response.Headers.WWWAuthenticate.ToString().ShouldBe(code == Code.Unauthenticated ? "Bearer" : "");
    }

    [Theory]
    [InlineData(0.1, "1")]
    [InlineData(1, "1")]
    [InlineData(1.5, "2")]
    [InlineData(90, "90")]
    public async Task A_time_to_try_again_is_told_in_whole_seconds(double seconds, string expected)
    {
        var (response, _) = await Answer(Problem.Unavailable("busy") with { RetryAfter = TimeSpan.FromSeconds(seconds) });

        response.Headers.RetryAfter.ToString().ShouldBe(expected);
    }

    [Fact]
    public async Task Violations_and_reason_are_details()
    {
        var (_, body) = await Answer(new Problem(Code.InvalidArgument, "x is \"bad\"", [new("x", "is bad")]) { Reason = "BAD_X" });

        body.ShouldBe(
            """{"code":3,"message":"x is \"bad\"","details":[{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"x","description":"is bad"}]},"""
            + """{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"BAD_X","domain":"stoker"}]}""");
    }

    [Fact]
    public void Broken_io_becomes_a_problem_and_a_bug_does_not()
    {
        Failures.ToProblem(new StorageException(StorageFault.Full, "full"))!.Code.ShouldBe(Code.ResourceExhausted);
        Failures.ToProblem(new IOException("No space left on device", 28))!.Code.ShouldBe(Code.ResourceExhausted);
        Failures.ToProblem(new StorageException(StorageFault.Unavailable, "locked"))!.Code.ShouldBe(Code.Unavailable);
        Failures.ToProblem(new BadHttpRequestException("x", StatusCodes.Status413PayloadTooLarge))!.Code.ShouldBe(Code.InvalidArgument);
        Failures.ToProblem(new BadHttpRequestException("x", StatusCodes.Status408RequestTimeout))!.Code.ShouldBe(Code.DeadlineExceeded);
        Failures.ToProblem(new InvalidOperationException("bug")).ShouldBeNull();
        Failures.ToProblem(new IOException("other")).ShouldBeNull();
    }

    private static async Task<(HttpResponse Response, string Body)> Answer(Problem problem)
    {
        var (context, stream) = (new DefaultHttpContext(), new MemoryStream());
        context.Response.Body = stream;
        await new ProblemResult(problem).ExecuteAsync(context);
        return (context.Response, Encoding.UTF8.GetString(stream.ToArray()));
    }
}
