using Stoker.EndToEnd.Tests.Harness;

namespace Stoker.EndToEnd.Tests;

/// <summary>Every verb of the command line but those of models, as a real program against a real server.</summary>
public class FirectlTests(DeployedServer deployed) : IClassFixture<DeployedServer>
{
    [Fact]
    public async Task A_deployment_lives_by_the_command_line()
    {
        (await RunAsync("create", "deployment", "story-3m", "--deployment-id", "a", "--display-name", "First", "--wait")).ShouldEndWith(0, "READY");
        (await RunAsync("deployment", "create", "story-3m", "--deployment-id", "a")).ShouldEndWith(4);
        (await RunAsync("get", "deployment", "a")).ShouldEndWith(0, "Name: accounts/default/deployments/a");
        var shown =
            (await RunAsync("deployment", "get", "accounts/default/deployments/a", "-o", "json")).ShouldEndWith(0).Json;
        (shown["state"]!.GetValue<string>(), shown["display_name"]!.GetValue<string>()).ShouldBe(("READY", "First"));

        (await RunAsync("list", "deployments")).ShouldEndWith(0, "accounts/default/deployments/a");
        var listed = (await RunAsync("deployments", "ls", "--filter", "display_name=\"First\"", "-o", "json")).ShouldEndWith(0).Json;
        listed["deployments"]!.AsArray().Count.ShouldBe(1);

        (await RunAsync("update", "deployment", "a", "--display-name", "Second", "--scale-to-zero-window", "30m")).ShouldEndWith(0, "Second");
        (await RunAsync("update", "deployment", "a", "--autoscaling-mode", "auto", "-o", "json")).ShouldEndWith(0, "AUTO");
        (await RunAsync("update", "deployment", "a", "--scale-down-window", "5m")).ShouldEndWith(2, "autoscaling_policy.scale_down_window has no effect");
        (await RunAsync("update", "deployment", "a", "--autoscaling-mode", "windows", "--scale-down-window", "5m", "-o", "json")).ShouldEndWith(0, "300s");
        (await RunAsync("scale", "deployment", "a", "--replica-count", "0")).ShouldEndWith(0);
        (await RunAsync("deployment", "scale", "a", "--replica-count", "5")).ShouldEndWith(2, "from 0 to 1");
        (await RunAsync("deployment", "explain", "a")).ShouldEndWith(0, "begins with 1 replica");
        (await RunAsync("delete", "deployment", "a", "--wait")).ShouldEndWith(0, "Deleted accounts/default/deployments/a");
        (await RunAsync("list", "deployments", "--show-deleted", "-o", "json")).ShouldEndWith(0, "DELETED");
        (await RunAsync("undelete", "deployment", "a")).ShouldEndWith(0);
        (await RunAsync("deployment", "delete", "a", "--hard", "--ignore-checks", "--wait")).ShouldEndWith(0);
        (await RunAsync("get", "deployment", "a")).ShouldEndWith(3, "not found");
        await deployed.ShouldBeSoundAsync();
    }

    [Fact]
    public async Task Failures_have_their_own_exit_status_and_say_what_to_do()
    {
        (await RunAsync("get", "deployment", "none")).ShouldEndWith(3, "deployment \"accounts/default/deployments/none\" not found");
        (await RunAsync("create", "deployment")).ShouldEndWith(2, "--help");
        (await RunAsync("get", "deployment", "d", "--colour", "red")).ShouldEndWith(2, "--colour");
        (await RunAsync("get", "deployment", "d", "-o", "xml")).ShouldEndWith(2, "xml");
        (await RunAsync("create", "deployment", "story-3m", "--min-replica-count", "-1")).ShouldEndWith(2, "min_replica_count");
        (await RunAsync("create", "deployment", "story-3m", "--min-replica-count", "5", "--max-replica-count", "4")).ShouldEndWith(2, "max_replica_count");
        (await RunAsync("create", "deployment", "story-3m", "--autoscaling-mode", "magic")).ShouldEndWith(2, "must be one of WINDOWS, AUTO");
        (await RunAsync("create", "deployment", "story-3m", "--autoscaling-mode", "auto", "--scale-up-window", "30s"))
            .ShouldEndWith(2, "autoscaling_policy.scale_up_window has no effect with the autoscaling mode AUTO");
        (await RunAsync("explain", "deployment", "none")).ShouldEndWith(3, "not found");
        (await RunAsync("create", "deployment", "story-3m", "--deployment-id", "Wrong_ID")).ShouldEndWith(2, "deployment_id");
        (await RunAsync("update", "deployment", "d")).ShouldEndWith(2, "nothing to change");
        (await RunAsync("create", "deployment", "no-such-model")).ShouldEndWith(3);
        (await RunAsync("create", "deployment", "llama-v3p1-8b-instruct"))
            .ShouldEndWith(6, "firectl upload model accounts/fireworks/models/llama-v3p1-8b-instruct PATH");
        (await RunAsync("whoami", "--api-key", "fw_wrong")).ShouldEndWith(5);
        (await RunAsync("get", "account", "someone-else", "--api-key", "fw_wrong")).ShouldEndWith(5);
        (await RunAsync("whoami", "--base-url", "http://127.0.0.1:1", "--api-key", "x")).ShouldEndWith(8, "cannot be reached");
        (await RunAsync("whoami", "--base-url", "http://127.0.0.1:1")).ShouldEndWith(5, "no API key for http://127.0.0.1:1");
    }

    [Fact]
    public async Task Waiting_ends_in_time_and_what_is_waited_for_goes_on()
    {
        // All accelerators, of which one is taken.
        var slots =
            (await deployed.Server.GetAsync("d")).AcceleratorCount is null or 1 ? Environment.ProcessorCount * 4 : 0;
        var run = await RunAsync(
            "create", "deployment", "story-3m", "--deployment-id", "large", "--accelerator-count", $"{slots}", "--wait", "--wait-timeout", "1s");
        run.ShouldEndWith(9, "goes on");
        (await RunAsync("delete", "deployment", "large", "--hard", "--ignore-checks", "--wait")).ShouldEndWith(0);
    }

    [Fact]
    public async Task Keys_work_at_once_and_end_at_once()
    {
        var created = (await RunAsync("create", "api-key", "--key-name", "short-lived", "-o", "json")).ShouldEndWith(0, "shown this once").Json;
        var (id, key) = (created["key_id"]!.GetValue<string>(), created["key"]!.GetValue<string>());
        (await RunAsync("whoami", "--api-key", key)).ShouldEndWith(0, "accounts/default/users/admin");
        (await RunAsync("list", "api-keys")).ShouldEndWith(0, "short-lived").All.ShouldNotContain(key);
        (await RunAsync("api-key", "delete", id)).ShouldEndWith(0, $"Revoked {id}");
        (await RunAsync("whoami", "--api-key", key)).ShouldEndWith(5);
    }

    [Fact]
    public async Task Accounts_the_session_and_a_stored_key()
    {
        (await RunAsync("get", "account")).ShouldEndWith(0, "accounts/default");
        (await RunAsync("create", "account", "team", "--display-name", "Team")).ShouldEndWith(0, "accounts/team");
        (await RunAsync("accounts", "list")).ShouldEndWith(0, "accounts/team");
        (await RunAsync("version")).ShouldEndWith(0, "Version");
        var who = (await RunAsync("whoami", "-o", "json")).ShouldEndWith(0).Json;
        who["server"]!.GetValue<string>().ShouldBe(deployed.Server.Url.GetLeftPart(UriPartial.Authority));

        (await RunAsync("set-api-key", deployed.Server.Key, "--profile", "kept")).ShouldEndWith(0, "Stored");
        (await RunAsync("whoami", "--profile", "kept")).ShouldEndWith(0, "accounts/default");
        Sandbox.ModeOf(Path.Combine(deployed.Sandbox.Home, ".fireworks", "auth.ini")).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
    }

    [Fact]
    public async Task Dry_runs_and_validation_change_nothing()
    {
        (await RunAsync("create", "deployment", "story-3m", "--deployment-id", "dry", "--dry-run")).ShouldEndWith(0, "POST ");
        (await RunAsync("create", "deployment", "story-3m", "--deployment-id", "dry", "--validate-only")).ShouldEndWith(0);
        (await RunAsync("get", "deployment", "dry")).ShouldEndWith(3);
    }

    private Task<FirectlRun> RunAsync(params string[] arguments) => FirectlRun.OfAsync(deployed.Sandbox, arguments);
}
