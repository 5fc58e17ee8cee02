using System.Net;
using System.Net.Sockets;
using Stoker.EndToEnd.Tests.Harness;

namespace Stoker.EndToEnd.Tests;

/// <summary>
/// Starts that cannot work end at once with what to do; and what a start leaves on the disk is private.
/// </summary>
public class ServerStartTests
{
    [Fact]
    public async Task A_taken_port_is_said_with_the_way_out()
    {
        using var sandbox = new Sandbox();
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var port = ((IPEndPoint)other.LocalEndpoint).Port;
        await using var server = ProgramProcess.Start(sandbox, "stoker", ["serve", "--url", $"http://127.0.0.1:{port}", "--data", sandbox.Data]);
        (await server.ExitAsync()).ShouldBe(1, server.Output);
        server.Output.ShouldContain($"port {port} of 127.0.0.1 is taken");
        server.Output.ShouldContain("--url http://127.0.0.1:PORT");
        Directory.EnumerateFileSystemEntries(sandbox.Data).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("""{"Stoker":{"Capacity":{"Slotz":4}}}""", "Stoker:Capacity:Slotz is no setting")]
    [InlineData("""{"Stoker":{"Capacitee":{"Slots":4}}}""", "Stoker:Capacitee is no setting")]
    [InlineData("""{"Stokr":{"Capacity":{"Slots":4}}}""", "Stokr is no setting")]
    [InlineData("""{"Stoker":{"Capacity":{"Slots":"many"}}}""", "Stoker:Capacity:Slots")]
    [InlineData("""{"Stoker":{"Gateway":{"MaxBodyBytes":5}}}""", "MaxBodyBytes")]
    [InlineData("""{"Stoker":{"Runtime":{"LogLevel":"loud"}}}""", "LogLevel")]
    [InlineData("""{"Stoker":""", "stoker.json")]
    public async Task A_wrong_setting_stops_the_start_and_is_named(string config, string cause)
    {
        using var sandbox = new Sandbox();
        var file = Path.Combine(sandbox.Root, "stoker.json");
        await File.WriteAllTextAsync(file, config, TestContext.Current.CancellationToken);
        await using var server = Start(sandbox, "--config", file);
        await ShouldEndWithAsync(server, cause);
    }

    [Fact]
    public async Task A_wrong_setting_in_the_environment_is_named_too()
    {
        using var sandbox = new Sandbox();
        await using var server = ProgramProcess.Start(
            sandbox, "stoker", ["serve", "--url", "http://127.0.0.1:0", "--data", sandbox.Data],
            new Dictionary<string, string> { ["Stoker__Gateway__MaxBodyBites"] = "5000" });
        await ShouldEndWithAsync(server, "Stoker:Gateway:MaxBodyBites is no setting");
    }

    [Fact]
    public async Task A_database_that_is_none_is_named()
    {
        using var sandbox = new Sandbox();
        await File.WriteAllTextAsync(Path.Combine(sandbox.Data, "stoker.db"), new string('x', 8192), TestContext.Current.CancellationToken);
        await using var server = Start(sandbox);
        await ShouldEndWithAsync(server, "stoker.db");
    }

    [Fact]
    public async Task A_data_directory_that_cannot_be_is_named()
    {
        using var sandbox = new Sandbox();
        var file = Path.Combine(sandbox.Root, "file");
        await File.WriteAllTextAsync(file, "", TestContext.Current.CancellationToken);
        await using var server = ProgramProcess.Start(sandbox, "stoker", ["serve", "--url", "http://127.0.0.1:0", "--data", Path.Combine(file, "data")]);
        await ShouldEndWithAsync(server, file);
    }

    [Fact]
    public async Task Keys_and_the_endpoint_are_for_their_owner_alone_and_the_endpoint_goes_with_the_server()
    {
        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(sandbox);
        var endpoint = Path.Combine(sandbox.Home, ".stoker", "endpoint.json");
        await Patience.UntilAsync(() => Task.FromResult(File.Exists(endpoint)), exists => exists, "endpoint.json");
        const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        Sandbox.ModeOf(endpoint).ShouldBe(Private);
        Sandbox.ModeOf(sandbox.AdminKeyFile).ShouldBe(Private);
        Sandbox.ModeOf(Path.Combine(sandbox.Data, "stoker.db")).ShouldBe(Private);
        Sandbox.ModeOf(Path.Combine(sandbox.Data, "s")).ShouldBe(Private | UnixFileMode.UserExecute);
        (await server.TerminateAsync()).ShouldBe(0, server.Output);
        File.Exists(endpoint).ShouldBeFalse();
    }

    [Fact]
    public async Task A_second_server_on_the_same_data_serves_and_harms_nothing()
    {
        using var sandbox = new Sandbox();
        await using var first = await StokerServerProcess.StartAsync(sandbox);
        await first.DeployAsync("d");
        var replica = ReplicaProcesses.Under(sandbox.Root).ShouldHaveSingleItem().Id;

        await using (var second = await StokerServerProcess.StartAsync(sandbox))
        {
            second.Key.ShouldBe(first.Key);
            (await second.GetAsync("d")).State.ShouldBe("READY");
            (await second.TerminateAsync()).ShouldBe(0, second.Output);
        }

        ReplicaProcesses.Under(sandbox.Root).ShouldHaveSingleItem().Id.ShouldBe(replica);
        var answer = await RawHttp.PostAsync(first, "/inference/v1/completions", $$"""{"model":"{{DeployedServer.Deployment}}","prompt":"Once","max_tokens":1}""");
        answer.Status.ShouldBe(200, answer.Text);
    }

    [Fact]
    public async Task Unknown_flags_are_refused()
    {
        using var sandbox = new Sandbox();
        await using var server = Start(sandbox, "--colour", "red");
        (await server.ExitAsync()).ShouldBe(2, server.Output);
        server.Output.ShouldContain("--colour");
    }

    private static ProgramProcess Start(Sandbox sandbox, params string[] arguments) =>
        ProgramProcess.Start(sandbox, "stoker", ["serve", "--url", "http://127.0.0.1:0", "--data", sandbox.Data, .. arguments]);

    private static async Task ShouldEndWithAsync(ProgramProcess server, string cause)
    {
        (await server.ExitAsync()).ShouldBe(1, server.Output);
        server.Output.ShouldContain(cause);
        server.Output.ShouldNotContain("Unhandled exception");
        server.Output.ShouldNotContain("   at Stoker"); // a message, not a stack
    }
}
