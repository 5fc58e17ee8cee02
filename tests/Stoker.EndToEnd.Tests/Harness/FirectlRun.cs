using System.Text.Json.Nodes;

namespace Stoker.EndToEnd.Tests.Harness;

/// <summary>
/// One finished run of the real <c>firectl</c> in a sandbox's home, where it finds the sandbox's server by itself.
/// </summary>
/// <param name="Output">Standard output alone.</param>
/// <param name="All">With standard error.</param>
internal sealed record FirectlRun(int ExitCode, string Output, string All)
{
    public JsonNode Json => JsonNode.Parse(Output)!;

    public static async Task<FirectlRun> OfAsync(Sandbox sandbox, params string[] arguments)
    {
        await using var program = ProgramProcess.Start(sandbox, "firectl", arguments);
        var exit = await program.ExitAsync();
        return new FirectlRun(exit, program.StandardOutput, program.Output);
    }

    public FirectlRun ShouldEndWith(int exitCode, string? said = null)
    {
        ExitCode.ShouldBe(exitCode, All);
        if (said is not null) All.ShouldContain(said);
        All.ShouldNotContain("Unhandled exception");
        return this;
    }
}
