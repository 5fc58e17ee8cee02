using Stoker.Api;
using Stoker.EndToEnd.Tests.Harness;

namespace Stoker.EndToEnd.Tests;

/// <summary>How a server starts, refuses to start and ends, as its user sees it.</summary>
public class ServeTests
{
    private static readonly Dictionary<string, string> Simulated = new() { ["Stoker__Runtime__Engine"] = "simulated" };

    [Theory]
    [InlineData("Stoker__Capacity__Slots", "many", "'many' at 'Stoker:Capacity:Slots'")]
    [InlineData("Stoker__Capacity__Slots", "300000", "Slots must be between 1 and 4096")]
    [InlineData("Stoker__Accounts__FirstAccount", "Bad Name", "AccountOptions.FirstAccount")]
    [InlineData("Stoker__Runtime__Engine", "vllm", "must be stoker or simulated")]
    public async Task A_wrong_setting_stops_the_start_in_one_line(string name, string value, string said)
    {
        using var sandbox = new Sandbox();
        await using var serve = ProgramProcess.Start(
            sandbox, "stoker", ["serve", "--url", "http://127.0.0.1:0", "--data", sandbox.Data], new Dictionary<string, string> { [name] = value });
        (await serve.ExitAsync()).ShouldBe(1, serve.Output);
        var line = serve.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).ShouldHaveSingleItem();
        line.ShouldStartWith("stoker: ");
        line.ShouldContain(said);
    }

    [Fact]
    public async Task A_data_directory_that_is_a_file_stops_the_start_without_a_stack()
    {
        using var sandbox = new Sandbox();
        var file = Path.Combine(sandbox.Root, "file");
        await File.WriteAllTextAsync(file, "", TestContext.Current.CancellationToken);
        await using var serve = ProgramProcess.Start(sandbox, "stoker", ["serve", "--url", "http://127.0.0.1:0", "--data", file]);
        (await serve.ExitAsync()).ShouldBe(1, serve.Output);
        serve.Output.ShouldContain($"data directory {file}");
        serve.Output.Trim().Split('\n').Length.ShouldBe(1, serve.Output);
    }

    [Fact]
    public async Task A_home_that_cannot_be_written_costs_only_the_endpoint_file()
    {
        using var sandbox = new Sandbox();
        Directory.Delete(sandbox.Home);
        await File.WriteAllTextAsync(sandbox.Home, "", TestContext.Current.CancellationToken);
        await using var server = await StokerServerProcess.StartAsync(sandbox, Simulated);
        (await server.Http.GetStringAsync("health", TestContext.Current.CancellationToken)).ShouldBe("ok\n");
        server.Output.ShouldContain("endpoint.json cannot be written");
        (await server.TerminateAsync()).ShouldBe(0, server.Output);
    }

    [Fact]
    public async Task A_second_server_that_ends_puts_the_first_ones_address_back()
    {
        using var sandbox = new Sandbox();
        using var other = new Sandbox();
        await using var first = await StokerServerProcess.StartAsync(sandbox, Simulated);
        await using (var second = ProgramProcess.Start(sandbox, "stoker", ["serve", "--url", "http://127.0.0.1:0", "--data", other.Data]))
        {
            await second.LineAsync("Stoker listens on ");
            LocalEndpoint.Read(sandbox.Home)!.Pid.ShouldBe(second.Id);
            (await second.TerminateAsync()).ShouldBe(0, second.Output);
        }

        LocalEndpoint.Read(sandbox.Home)!.Pid.ShouldBe(first.ProcessId);
        (await first.TerminateAsync()).ShouldBe(0, first.Output);
        LocalEndpoint.Read(sandbox.Home).ShouldBeNull();
    }
}
