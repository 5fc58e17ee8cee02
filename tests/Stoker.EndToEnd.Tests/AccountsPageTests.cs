using System.Text.RegularExpressions;
using Stoker.EndToEnd.Tests.Harness;
using Stoker.EndToEnd.Tests.Tidy;

namespace Stoker.EndToEnd.Tests;

/// <summary>The commands of docs/accounts.md, in their order, against a real server.</summary>
public partial class AccountsPageTests
{
    [Fact]
    public async Task Every_command_of_the_page_works()
    {
        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(sandbox);
        var (page, keyId, ran) = (await File.ReadAllLinesAsync(Path.Combine(Repository.Root, "docs", "accounts.md"), TestContext.Current.CancellationToken), "", 0);
        foreach (var line in page.Where(line => line.StartsWith("    firectl ", StringComparison.Ordinal)))
        {
            var run = await FirectlRun.OfAsync(sandbox, [.. Words(line.Split(" #")[0].Replace("KEY-ID", keyId, StringComparison.Ordinal)), "-o", "json"]);
            run.ShouldEndWith(0, null);
            if (line.Contains("create api-key", StringComparison.Ordinal)) keyId = run.Json["key_id"]!.GetValue<string>();
            ran++;
        }

        ran.ShouldBeGreaterThan(12);
        var log = (await FirectlRun.OfAsync(sandbox, "list", "audit-logs", "-o", "json", "--no-paginate")).ShouldEndWith(0).Json["audit_logs"]!.AsArray();
        log.Select(entry => entry!["method"]!.GetValue<string>()).ShouldBe(
            ["DeleteApiKey", "CreateApiKey", "CreateApiKey", "CreateUser", "DeleteUser", "UpdateUser", "CreateUser", "CreateApiKey", "CreateUser", "CreateAccount"]);
        log.ShouldAllBe(entry => entry!["status"]!["code"]!.GetValue<string>() == "OK");
    }

    /// <summary>As a shell takes them apart: at blanks that are not in quotes.</summary>
    private static IEnumerable<string> Words(string command) =>
        Word().Matches(command).Skip(1).Select(match => match.Groups.Values.Skip(1).Single(group => group.Success).Value);

    [GeneratedRegex("""'([^']*)'|"([^"]*)"|(\S+)""")]
    private static partial Regex Word();
}
