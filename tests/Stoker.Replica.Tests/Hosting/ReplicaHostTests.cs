using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using Stoker.Replica.Hosting;
using Stoker.Replica.Simulated;
using Stoker.Testing;

namespace Stoker.Replica.Tests.Hosting;

public sealed class ReplicaHostTests
{
    private const string Ask = """{"model":"sim","prompt":"Once","max_tokens":1000,"ignore_eos":true,"stream":true}""";

    private static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_drain_refuses_new_requests_and_ends_with_the_last_stream()
    {
        var time = new ManualTime(Noon);
        await using var replica = await (await RunningReplica.StartAsync(new() { DecodeTokensPerSecond = 10 }, time)).LoadedAsync();
        using var stream = await StreamAsync(replica, time);
        (await replica.Client.PostAsync("/stoker/v1/drain", null, Stop)).StatusCode.ShouldBe(HttpStatusCode.OK);
        await ClosedAsync(replica);
        var (status, body) = await replica.PostAsync("/v1/completions", """{"model":"sim","prompt":"x"}""");
        (status, body["error"]!["code"]!.GetValue<string>()).ShouldBe((503, "draining"));
        (await replica.HealthAsync()).GetProperty("state").GetString().ShouldBe("DRAINING");
        replica.Ended.IsCompleted.ShouldBeFalse();
        time.Advance(TimeSpan.FromSeconds(101)); // 1,000 tokens at 10 a second
        var lines = RunningReplica.DataLines(await stream.Content.ReadAsStringAsync(Stop));
        lines[^1].ShouldBe("[DONE]");
        JsonNode.Parse(lines[^2])!["usage"]!["completion_tokens"]!.GetValue<int>().ShouldBe(1000);
        (await replica.Ended).Reason.ShouldBe("DRAINED");
    }

    [Fact]
    public async Task A_lease_that_is_not_renewed_ends_the_replica_and_a_renewed_one_does_not()
    {
        var time = new ManualTime(Noon);
        await using var replica = await (await RunningReplica.StartAsync(null, time, options => options with { Lease = TimeSpan.FromSeconds(60) })).LoadedAsync();
        for (var turn = 0; turn < 5; turn++)
        {
            time.Advance(TimeSpan.FromSeconds(59));
            (await replica.PostAsync("/stoker/v1/lease", """{"replicaId":"replica-1","seconds":60}""")).Status.ShouldBe(200);
        }

        replica.Ended.IsCompleted.ShouldBeFalse();
        time.Advance(TimeSpan.FromSeconds(61));
        (await replica.Ended).Reason.ShouldBe("LEASE_EXPIRED");
    }

    [Fact]
    public async Task A_client_that_hangs_up_frees_the_slot_and_a_waiting_request_too()
    {
        var time = new ManualTime(Noon);
        await using var replica = await (await RunningReplica.StartAsync(new() { DecodeTokensPerSecond = 10, Slots = 1 }, time)).LoadedAsync();
        var running = await StreamAsync(replica, time);
        using var leave = new CancellationTokenSource();
        using var content = new StringContent(Ask);
        var waiting = replica.Client.PostAsync("/v1/completions", content, leave.Token);
        await MetricAsync(replica, "vllm:num_requests_waiting", 1);
        await leave.CancelAsync();
        await Should.ThrowAsync<OperationCanceledException>(() => waiting);
        await MetricAsync(replica, "vllm:num_requests_waiting", 0);
        await MetricAsync(replica, "vllm:num_requests_running", 1);
        running.Dispose();
        await MetricAsync(replica, "vllm:num_requests_running", 0);
        await InsideAsync(replica, 0);
    }

    [Fact]
    public async Task A_load_that_fails_ends_the_replica_with_the_reason()
    {
        await using var replica = await RunningReplica.StartAsync(new ReplicaModelOptions { FailLoad = true });
        var end = await replica.Ended;
        end.Reason.ShouldBe("LOAD_FAILED");
        end.Message.ShouldContain("told to fail");
    }

    [Fact]
    public async Task A_drain_ends_a_replica_that_still_loads()
    {
        var time = new ManualTime(Noon);
        await using var replica = await RunningReplica.StartAsync(new() { BootTime = TimeSpan.FromHours(1) }, time);
        replica.Host.Drain();
        (await replica.Ended).Reason.ShouldBe("DRAINED");
    }

    [Fact]
    public async Task The_socket_and_its_directory_are_ours_alone_and_gone_afterwards()
    {
        var replica = await RunningReplica.StartAsync();
        var socket = Path.Combine(replica.Directory, "s", "r.sock");
        File.GetUnixFileMode(Path.GetDirectoryName(socket)!).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        File.GetUnixFileMode(socket).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        replica.Host.Drain();
        await replica.Ended;
        await replica.Host.DisposeAsync();
        File.Exists(socket).ShouldBeFalse();
        await replica.DisposeAsync();
    }

    [Fact]
    public async Task A_socket_file_left_by_a_dead_process_is_replaced_and_a_live_one_is_not()
    {
        var directory = Directory.CreateTempSubdirectory("stoker-stale-").FullName;
        var path = Path.Combine(directory, "r.sock");
        ListenAddress.TryParse($"unix:{path}", out var address, out _).ShouldBeTrue();
        LeaveStaleSocket(path);
        await using (var replica = await RunningReplica.StartAsync(change: options => options with { Listen = [address!] }))
        {
            (await replica.HealthAsync()).GetProperty("replicaId").GetString().ShouldBe("replica-1");
            var taken = await Should.ThrowAsync<IOException>(() => RunningReplica.StartAsync(change: options => options with { Listen = [address!] }));
            taken.Message.ShouldContain(path);
            (await replica.HealthAsync()).GetProperty("replicaId").GetString().ShouldBe("replica-1"); // undisturbed
        }

        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task Listens_at_a_free_port_and_reports_it()
    {
        ListenAddress.TryParse("http://127.0.0.1:0", out var address, out _).ShouldBeTrue();
        await using var replica = await RunningReplica.StartAsync(change: options => options with { Listen = [.. options.Listen, address!] });
        var url = replica.Host.Addresses.Single(it => it.StartsWith("http://127.0.0.1:", StringComparison.Ordinal));
        using var client = new HttpClient { BaseAddress = new(url) };
        (await client.GetAsync("/health", Stop)).Content.Headers.ContentType!.MediaType.ShouldBe("application/json");
    }

    /// <summary>A stream whose first token has come.</summary>
    private static async Task<HttpResponseMessage> StreamAsync(RunningReplica replica, ManualTime time)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions") { Content = new StringContent(Ask) };
        var sending = replica.Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Stop);
        await MetricAsync(replica, "vllm:num_requests_running", 1);
        time.Advance(TimeSpan.FromMilliseconds(200));
        return await sending;
    }

    private static async Task MetricAsync(RunningReplica replica, string name, double value)
    {
        while (true)
        {
            var text = await replica.Client.GetStringAsync("/metrics", Stop); // bounded by the test's own time limit
            if (text.Contains($"{name}{{model_name=\"sim\",engine=\"0\"}} {value}\n", StringComparison.Ordinal)) return;
        }
    }

    private static async Task ClosedAsync(RunningReplica replica)
    {
        while (!replica.Host.Admission.Closed) await Task.Yield();
    }

    private static async Task InsideAsync(RunningReplica replica, int count)
    {
        while (replica.Host.Admission.Inside != count) await Task.Yield();
    }

    /// <summary>Binds, and puts the file back that .NET removes: what kill -9 leaves.</summary>
    private static void LeaveStaleSocket(string path)
    {
        using (var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            socket.Bind(new UnixDomainSocketEndPoint(path));
            File.Move(path, path + ".kept");
        }

        File.Move(path + ".kept", path);
        File.Exists(path).ShouldBeTrue();
    }
}
