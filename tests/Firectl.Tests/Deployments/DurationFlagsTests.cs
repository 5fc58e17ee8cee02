namespace Firectl.Tests.Deployments;

/// <summary>Flags of durations take what Go's <c>time.ParseDuration</c> takes, and send seconds.</summary>
public class DurationFlagsTests
{
    [Theory]
    [InlineData("30s", "30s")]
    [InlineData("1m30s", "90s")]
    [InlineData("1.5h", "5400s")]
    [InlineData("+90s", "90s")]
    [InlineData("100ms", "0.1s")]
    [InlineData("12\u00b5s", "0.000012s")]
    [InlineData("12\u03bcs", "0.000012s")]
    [InlineData("0", "0s")]
    [InlineData("199ns", "0.0000001s")] // to 100 ns, towards zero
    [InlineData("9223372036854775807ns", "9223372036.8547758s")] // how long a window may be is the server's to say
    public async Task A_duration_flag_takes_Gos_forms_and_sends_the_wires(string typed, string wire)
    {
        foreach (var (flag, field) in Windows)
        {
            using var run = new FirectlRun();
            (await run.RunAsync($"create deployment m -a team --dry-run {flag} {typed}")).ShouldBe(0, run.Errors);
            run.Output.ShouldContain($"\"{field}\":\"{wire}\"");
        }
    }

    [Theory]
    [InlineData("30")]
    [InlineData("1d")]
    [InlineData("1h30")]
    [InlineData("PT30S")]
    [InlineData("00:00:30")]
    [InlineData("9223372036854775808ns")]
    public async Task What_Go_refuses_no_duration_flag_takes(string typed)
    {
        foreach (var flag in Windows.Select(window => window.Flag).Append("--wait-timeout"))
        {
            using var run = new FirectlRun();
            (await run.RunAsync($"create deployment m -a team --dry-run {flag} {typed}")).ShouldBe(2);
            run.Errors.ShouldContain($"{flag} takes a duration such as 30s, 10m or 1h30m (units ns, us, ms, s, m, h), was '{typed}'");
        }
    }

    private static readonly (string Flag, string Field)[] Windows =
    [
        ("--scale-up-window", "scaleUpWindow"), ("--scale-down-window", "scaleDownWindow"), ("--scale-to-zero-window", "scaleToZeroWindow"),
        ("--hold-timeout", "timeout"),
    ];
}
