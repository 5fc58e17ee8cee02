namespace Firectl.Tests.Settings;

/// <summary>Which server and which key: a key never travels to an address it was not stored for.</summary>
public class ClientSettingsTests
{
    private const string WhoAmI =
        """{"account":"accounts/team","user":"accounts/team/users/admin","role":"admin","keyId":"k1"}""";

    [Fact]
    public async Task Flags_win_over_everything()
    {
        using var run = Prepared();
        Profile(run);
        (await run.RunAsync("whoami --base-url http://flag.test --api-key fw_flag")).ShouldBe(0);
        run.Sent.ShouldHaveSingleItem().ShouldSatisfyAllConditions(
            sent => sent.Address.Host.ShouldBe("flag.test"), sent => sent.Key.ShouldBe("fw_flag"));
    }

    [Fact]
    public async Task The_environment_wins_over_the_profile()
    {
        using var run = Prepared();
        Profile(run);
        (await run.RunAsync("whoami")).ShouldBe(0);
        run.Sent.ShouldHaveSingleItem().ShouldSatisfyAllConditions(
            sent => sent.Address.Host.ShouldBe("stoker.test"), sent => sent.Key.ShouldBe("fw_test"));
    }

    [Fact]
    public async Task The_profile_wins_over_the_local_server()
    {
        using var run = Prepared();
        run.Environment.Clear();
        Profile(run);
        LocalServer(run);
        (await run.RunAsync("whoami")).ShouldBe(0);
        run.Sent.ShouldHaveSingleItem().ShouldSatisfyAllConditions(
            sent => sent.Address.Host.ShouldBe("profile.test"), sent => sent.Key.ShouldBe("fw_profile"));
    }

    [Fact]
    public async Task The_local_server_is_found_with_its_own_key()
    {
        using var run = Prepared();
        run.Environment.Clear();
        LocalServer(run);
        (await run.RunAsync("whoami")).ShouldBe(0);
        run.Sent.ShouldHaveSingleItem().ShouldSatisfyAllConditions(
            sent => sent.Address.Authority.ShouldBe("127.0.0.1:7865"), sent => sent.Key.ShouldBe("fw_local"));
    }

    [Fact]
    public async Task A_key_in_the_environment_does_not_go_to_a_local_server()
    {
        using var run = Prepared();
        run.Environment.Remove("FIREWORKS_BASE_URL"); // the key is some hosted service's
        LocalServer(run);
        (await run.RunAsync("whoami")).ShouldBe(0);
        run.Sent.ShouldHaveSingleItem().Key.ShouldBe("fw_local");
        run.Errors.ShouldContain("Note: the key in FIREWORKS_API_KEY is not used for the server on this machine");
    }

    [Fact]
    public async Task A_profiles_key_does_not_go_to_another_address()
    {
        using var run = Prepared();
        run.Environment.Clear();
        Profile(run);
        (await run.RunAsync("whoami --base-url http://elsewhere.test")).ShouldBe(5);
        run.Sent.ShouldBeEmpty();
        run.Errors.ShouldContain("stored for http://profile.test");
    }

    [Fact]
    public async Task A_hosted_tools_key_without_an_address_goes_nowhere()
    {
        using var run = Prepared();
        run.Environment.Clear();
        run.WriteFile(".fireworks/auth.ini", "[fireworks]\napi_key = fw_hosted\naccount_id = them\n");
        (await run.RunAsync("whoami")).ShouldBe(6);
        run.Sent.ShouldBeEmpty();
        run.Errors.ShouldContain("no server is configured");

        LocalServer(run);
        (await run.RunAsync("whoami")).ShouldBe(0);
        run.Sent.ShouldHaveSingleItem().Key.ShouldBe("fw_local");
    }

    [Fact]
    public async Task A_key_before_all_sections_does_not_go_to_the_address_of_a_section()
    {
        using var run = Prepared();
        run.Environment.Clear();
        run.WriteFile(".fireworks/auth.ini", "api_key = fw_hosted\n");
        run.WriteFile(".fireworks/settings.ini", "[fireworks]\nbase_url = http://team.test\n");
        (await run.RunAsync("whoami")).ShouldBe(5);
        run.Sent.ShouldBeEmpty();

        run.WriteFile(".fireworks/auth.ini", "api_key = fw_plain\nbase_url = http://plain.test\n");
        run.WriteFile(".fireworks/settings.ini", "");
        (await run.RunAsync("whoami")).ShouldBe(0);
        run.Sent.ShouldHaveSingleItem().Key.ShouldBe("fw_plain");
    }

    [Fact]
    public async Task A_stale_endpoint_file_is_no_server()
    {
        using var run = Prepared();
        run.Environment.Clear();
        LocalServer(run, pid: int.MaxValue);
        (await run.RunAsync("whoami")).ShouldBe(6);
        run.Sent.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_profile_is_chosen_by_name_and_must_exist()
    {
        using var run = Prepared();
        run.Environment.Clear();
        run.WriteFile(".fireworks/auth.ini", "[work]\napi_key = fw_work\nbase_url = http://work.test\n");
        (await run.RunAsync("whoami -p work")).ShouldBe(0);
        run.Sent.ShouldHaveSingleItem().Key.ShouldBe("fw_work");
        (await run.RunAsync("whoami -p play")).ShouldBe(3);
        run.Errors.ShouldContain("no profile 'play'");
    }

    [Fact]
    public async Task Set_api_key_stores_key_and_address_together_for_the_owner_alone()
    {
        using var run = Prepared();
        run.Environment.Clear();
        run.WriteFile(".fireworks/auth.ini", "# mine\n[other]\napi_key = fw_other\n");
        (await run.RunAsync("set-api-key fw_new --base-url http://stoker.test -a team")).ShouldBe(0);

        var file = Path.Combine(run.Home, ".fireworks", "auth.ini");
        (await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken)).ShouldContain("# mine");
        if (!OperatingSystem.IsWindows()) File.GetUnixFileMode(file).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        (await run.RunAsync("whoami")).ShouldBe(0);
        run.Sent.ShouldHaveSingleItem().ShouldSatisfyAllConditions(
            sent => sent.Address.Host.ShouldBe("stoker.test"), sent => sent.Key.ShouldBe("fw_new"));
    }

    [Fact]
    public async Task The_account_of_another_server_does_not_stay_with_a_new_address()
    {
        using var run = Prepared();
        run.Environment.Clear();
        run.WriteFile(".fireworks/auth.ini", "[fireworks]\napi_key = fw_hosted\naccount_id = them\n[other]\naccount_id = kept\n");
        var file = Path.Combine(run.Home, ".fireworks", "auth.ini");
        (await run.RunAsync("set-api-key fw_new --base-url http://stoker.test")).ShouldBe(0);
        (await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken)).ShouldNotContain("them");
        (await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken)).ShouldContain("account_id = kept");

        (await run.RunAsync("set-api-key fw_new --base-url http://stoker.test -a team")).ShouldBe(0);
        (await run.RunAsync("set-api-key fw_newer --base-url http://stoker.test")).ShouldBe(0);
        (await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken)).ShouldContain("account_id = team");
    }

    [Fact]
    public async Task Set_api_key_needs_an_address()
    {
        using var run = Prepared();
        run.Environment.Clear();
        (await run.RunAsync("set-api-key fw_new")).ShouldBe(2);
        run.Errors.ShouldContain("--base-url");
    }

    [Theory]
    [InlineData("ftp://x.test")]
    [InlineData("nonsense")]
    public async Task An_address_is_http(string address)
    {
        using var run = Prepared();
        (await run.RunAsync($"whoami --base-url {address}")).ShouldBe(2);
        run.Sent.ShouldBeEmpty();
    }

    private static FirectlRun Prepared() => new FirectlRun().Answer("GET /v1/whoami", WhoAmI);

    private static void Profile(FirectlRun run) => run.WriteFile(
        ".fireworks/auth.ini", "[fireworks]\napi_key = fw_profile\nbase_url = http://profile.test\n");

    private static void LocalServer(FirectlRun run, int? pid = null)
    {
        run.WriteFile("admin.key", "fw_local\n");
        new Stoker.Api.LocalEndpoint("http://127.0.0.1:7865", pid ?? System.Environment.ProcessId, Path.Combine(run.Home, "admin.key")).Write(run.Home);
    }
}
