using System.Text.Json;
using Stoker.Api;
using Stoker.Api.Replicas;
using Stoker.Testing;

namespace Stoker.Replica.Tests;

/// <summary>The whole command, in this process: from arguments to exit file.</summary>
public sealed class ReplicaCommandTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("stoker-command-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public async Task Runs_until_it_is_drained_and_leaves_its_last_words()
    {
        var running = ReplicaCommand.RunAsync([.. Arguments(), "--simulate", "answer-tokens=3"]);
        using var client = RunningReplica.Connect(Path.Combine(_directory, "s", "r.sock"));
        await ReadyAsync(client);
        using var drained = await client.PostAsync("/stoker/v1/drain", null, Stop);
        drained.IsSuccessStatusCode.ShouldBeTrue();
        (await running).ShouldBe(0);
        var exit = Exit();
        (exit.ReplicaId, exit.Reason).ShouldBe(("r1", "DRAINED"));
    }

    [Fact]
    public async Task A_load_that_fails_is_exit_status_1_with_the_reason_in_the_exit_file()
    {
        (await ReplicaCommand.RunAsync([.. Arguments(), "--simulate", "fail-load=true"])).ShouldBe(1);
        (Exit().Reason, Exit().Message).ShouldBe(("LOAD_FAILED", "simulated: the simulated engine was told to fail its load"));
    }

    [Fact]
    public async Task A_model_folder_that_is_none_is_exit_status_1_with_the_file_that_is_missing()
    {
        string[] arguments = [.. Arguments().Take(6), "--model", _directory, "--lease-seconds", "60"];
        (await ReplicaCommand.RunAsync(arguments)).ShouldBe(1);
        Exit().Message.ShouldContain(".json");
    }

    [Theory]
    [InlineData("--context-length", "99999", "--context-length: the model reaches from 1 to 512 positions, was 99999")]
    [InlineData("--memory-bytes", "1", "there are 1 by --memory-bytes")]
    [InlineData("--step-tokens", "1", "--step-tokens must be at least --max-sequences (32)")]
    public async Task An_option_that_this_model_cannot_have_ends_the_load_with_one_plain_sentence(string flag, string value, string said)
    {
        string[] arguments = [.. Arguments().Take(6), "--model", TestData.Model("story-3m"), "--lease-seconds", "60", "--threads", "1", flag, value];
        (await ReplicaCommand.RunAsync(arguments)).ShouldBe(1);
        Exit().Message.ShouldContain(said);
        Exit().Message.ShouldNotContain("Exception");
        Exit().Message.ShouldNotContain("(Parameter");
        var log = await File.ReadAllTextAsync(Path.Combine(_directory, "log.txt"), Stop);
        log.ShouldContain(said);
        log.ShouldNotContain("   at ");
    }

    [Fact]
    public async Task A_core_that_is_not_there_is_exit_status_1_and_named()
    {
        (await ReplicaCommand.RunAsync([.. Arguments(), "--cores", "4095"])).ShouldBe(1);
        Exit().Message.ShouldStartWith("--cores 4095: not there, or not given to this process");
    }

    [Fact]
    public async Task Wrong_usage_is_exit_status_2_and_leaves_no_file()
    {
        (await ReplicaCommand.RunAsync(["--nonsense"])).ShouldBe(2);
        File.Exists(Path.Combine(_directory, "exit.json")).ShouldBeFalse();
    }

    private string[] Arguments() => ["--id", "r1", "--directory", _directory, "--listen", $"unix:{_directory}/s/r.sock", "--engine", "simulated", "--lease-seconds", "60"];

    private ReplicaExit Exit() =>
        JsonSerializer.Deserialize(File.ReadAllBytes(Path.Combine(_directory, "exit.json")), ApiJson.Default.ReplicaExit)!;

    private static async Task ReadyAsync(HttpClient client)
    {
        while (true)
        {
            try
            {
                using var health = await client.GetAsync("/health", Stop);
                if (health.IsSuccessStatusCode) return;
            }
            catch (HttpRequestException) when (!Stop.IsCancellationRequested)
            {
                await Task.Yield(); // the listener is not there yet
            }
        }
    }
}
