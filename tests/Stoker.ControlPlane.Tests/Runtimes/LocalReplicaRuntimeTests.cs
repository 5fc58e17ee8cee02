using System.Diagnostics;
using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Stoker.Api;
using Stoker.Api.Replicas;
using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Tests.Runtimes;

/// <summary>
/// Real processes: a shell that waits, where a replica would be. What it answers comes from the test.
/// </summary>
public sealed class LocalReplicaRuntimeTests : IAsyncDisposable
{
    /// <summary>Says why in exit.json when it is told to end; its own arguments are the replica's.</summary>
    private const string Obedient = """
        while [ "$1" != --directory ]; do [ "$1" = --id ] && id=$2; shift; done; dir=$2
        trap 'printf "{\"replicaId\":\"%s\",\"reason\":\"DRAINED\",\"message\":\"it was told to\",\"time\":\"2030-01-01T00:00:00Z\"}" $id > $dir/exit.json; exit 0' TERM
        while :; do sleep 0.02; done
        """;

    private const string Stubborn = "trap '' TERM; while :; do sleep 0.02; done";

    // Generous, because the machine may be busy: every wait ends with its event, and this only bounds a test that is
    // broken.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly DataDirectory _data = new(Directory.CreateTempSubdirectory("stoker-runtime-").FullName);
    private readonly List<LocalReplicaRuntime> _runtimes = [];

    [Fact]
    public async Task A_replica_that_is_told_to_stop_ends_with_its_own_last_words()
    {
        var runtime = NewRuntime(Obedient);
        var spec = NewSpec();
        await runtime.StartAsync(spec, Cancellation);
        ShouldHaveStarted(runtime, spec);
        await WhenAsync(() => ProcessOf(spec) is not null);
        // lets the shell set its trap; too early an end shows as another message
        await Task.Delay(TimeSpan.FromMilliseconds(300), TimeProvider.System, Cancellation);
        await runtime.StopAsync(spec.Id, Cancellation);
        var ended = await EndOfAsync(runtime, spec);
        ended.ShouldBe(new ReplicaEnd(Orderly: true, "it was told to"));

        await runtime.ForgetAsync(spec.Id, Cancellation);
        runtime.List().ShouldBeEmpty();
    }

    [Fact]
    public async Task One_that_does_not_listen_is_killed_after_the_bound()
    {
        var runtime = NewRuntime(Stubborn, options => options.StopBound = TimeSpan.FromMilliseconds(500));
        var spec = NewSpec();
        await runtime.StartAsync(spec, Cancellation);
        await WhenAsync(() => ProcessOf(spec) is not null);
        await Task.Delay(TimeSpan.FromMilliseconds(300), TimeProvider.System, Cancellation);
        await runtime.StopAsync(spec.Id, Cancellation);
        var ended = await EndOfAsync(runtime, spec);
        ended.Orderly.ShouldBeTrue();
        ended.Message.ShouldContain("signal 9");
        ProcessOf(spec).ShouldBeNull();
    }

    [Fact]
    public async Task A_killed_replica_is_noticed_and_named()
    {
        var runtime = NewRuntime(Obedient);
        var spec = NewSpec();
        await runtime.StartAsync(spec, Cancellation);
        await WhenAsync(() => ProcessOf(spec) is not null);
        Process.GetProcessById(ProcessOf(spec)!.Pid).Kill();
        var ended = await EndOfAsync(runtime, spec);
        ended.Orderly.ShouldBeFalse();
        ended.Message.ShouldContain("was killed by signal 9");
    }

    [Fact]
    public async Task A_program_that_is_not_there_is_an_ended_replica_with_the_reason()
    {
        var runtime = NewRuntime(command: ["/nowhere/stoker"]);
        var spec = NewSpec();
        await runtime.StartAsync(spec, Cancellation);
        (await EndOfAsync(runtime, spec)).Message.ShouldContain("could not be executed (status 127)");
    }

    [Fact]
    public async Task The_next_owner_adopts_what_runs_and_learns_what_ended_meanwhile()
    {
        var first = NewRuntime(Obedient);
        var (living, dying) = (NewSpec(), NewSpec());
        await first.StartAsync(living, Cancellation);
        await first.StartAsync(dying, Cancellation);
        await WhenAsync(() => ProcessOf(living) is not null && ProcessOf(dying) is not null);
        var process = ProcessOf(living);
        await first.ReleaseAsync(leaveReplicas: true, Cancellation);
        Process.GetProcessById(ProcessOf(dying)!.Pid).Kill();
        await WhenAsync(() => ProcessOf(dying) is null);

        var second = NewRuntime(Obedient);
        await second.AdoptAsync(Cancellation);
        second.List().Select(replica => replica.Id).ShouldBe([living.Id, dying.Id], ignoreOrder: true);
        Of(second, living).Phase.ShouldBe(ReplicaPhase.Starting);
        Of(second, living).Spec.Deployment.ShouldBe(living.Deployment);
        Of(second, dying).Phase.ShouldBe(ReplicaPhase.Ended);
        await second.StartAsync(living, Cancellation); // known: not started twice
        ProcessOf(living).ShouldBe(process);

        // An adopted one is no child: its end is seen in the process table.
        Process.GetProcessById(process!.Pid).Kill();
        (await EndOfAsync(second, living)).Message.ShouldContain("ended unseen");
    }

    [Fact]
    public async Task A_server_that_ends_takes_its_replicas_with_it()
    {
        var runtime = NewRuntime(Obedient);
        var (first, second) = (NewSpec(), NewSpec());
        await runtime.StartAsync(first, Cancellation);
        await runtime.StartAsync(second, Cancellation);
        await WhenAsync(() => ProcessOf(first) is not null && ProcessOf(second) is not null);
        await runtime.ReleaseAsync(leaveReplicas: false, Cancellation);
        (ProcessOf(first), ProcessOf(second)).ShouldBe((null, null));
    }

    [Fact]
    public async Task A_replica_is_ready_when_its_own_id_answers_and_its_endpoint_is_known()
    {
        var runtime = NewRuntime(Obedient);
        var spec = NewSpec();
        await runtime.StartAsync(spec, Cancellation);
        await using var stranger = await FakeReplicaServer.StartAsync(SocketOf(spec), ReplicaId.Random());
        await WhenAsync(() => stranger.HealthCalls > 2);
        Of(runtime, spec).Phase.ShouldBe(ReplicaPhase.Starting); // an answer of somebody else
        await stranger.DisposeAsync();

        await using var server = await FakeReplicaServer.StartAsync(SocketOf(spec), spec.Id);
        await WhenAsync(() => Of(runtime, spec).Phase == ReplicaPhase.Loading);
        Of(runtime, spec).Progress.ShouldBe(0.25);
        server.State = "READY";
        await WhenAsync(() => Of(runtime, spec).Phase == ReplicaPhase.Ready);
        Of(runtime, spec).Endpoint.ShouldBe(new ReplicaEndpoint(spec.Id, new("http://replica/"), SocketOf(spec), 8));
        await WhenAsync(() => server.Leases > 0);
        Of(runtime, spec).Requests.ShouldBe(0); // of an older program, that does not say
        server.Requests = 3;
        await WhenAsync(() => Of(runtime, spec).Requests == 3);

        await runtime.StopAsync(spec.Id, Cancellation);
        await WhenAsync(() => server.Drains == 1);
        Of(runtime, spec).Phase.ShouldBe(ReplicaPhase.Draining);
        ProcessOf(spec).ShouldNotBeNull(); // a drain ends with the last stream
    }

    [Fact]
    public async Task Where_somebody_else_answers_no_request_goes_until_the_replica_answers_again()
    {
        var runtime = NewRuntime(Obedient, options => options.ReadyPoll = TimeSpan.FromMilliseconds(50));
        var spec = NewSpec();
        await runtime.StartAsync(spec, Cancellation);
        await using var own = await FakeReplicaServer.StartAsync(SocketOf(spec), spec.Id);
        own.State = "READY";
        await WhenAsync(() => Of(runtime, spec).Endpoint is not null);
        await own.DisposeAsync();
        await WhenAsync(() => Of(runtime, spec).Stalled > TimeSpan.Zero);
        Of(runtime, spec).Endpoint.ShouldNotBeNull(); // silence may be a busy machine

        await using var stranger = await FakeReplicaServer.StartAsync(SocketOf(spec), ReplicaId.Random());
        stranger.State = "READY";
        await WhenAsync(() => Of(runtime, spec).Endpoint is null);
        (Of(runtime, spec).Phase, stranger.Leases, stranger.Drains).ShouldBe((ReplicaPhase.Ready, 0, 0));
        await stranger.DisposeAsync();

        await using var again = await FakeReplicaServer.StartAsync(SocketOf(spec), spec.Id);
        again.State = "READY";
        await WhenAsync(() => Of(runtime, spec).Endpoint is not null);
    }

    [Fact]
    public async Task A_replica_that_loads_tells_that_it_is_ready_and_is_not_polled_for_it()
    {
        var runtime = NewRuntime(Obedient, options => options.ReadyPoll = options.StartingPoll = TimeSpan.FromSeconds(10));
        var (spec, news) = (NewSpec(), new TaskCompletionSource());
        await runtime.StartAsync(spec, Cancellation);
        await using var server = await FakeReplicaServer.StartAsync(SocketOf(spec), spec.Id, news.Task);
        await WhenAsync(() => server.Waits == 1);
        Of(runtime, spec).Phase.ShouldBe(ReplicaPhase.Loading);

        server.State = "READY";
        news.SetResult();
        await WhenAsync(() => Of(runtime, spec).Phase == ReplicaPhase.Ready);

        (server.HealthCalls, server.Waits).ShouldBe((2, 1)); // that it loads, and that it is ready
    }

    [Fact]
    public async Task One_that_is_to_stop_while_it_loads_is_not_waited_for()
    {
        var runtime = NewRuntime(Obedient);
        var spec = NewSpec();
        await runtime.StartAsync(spec, Cancellation);
        await using var server = await FakeReplicaServer.StartAsync(SocketOf(spec), spec.Id, new TaskCompletionSource().Task);
        await WhenAsync(() => server.Waits == 1);

        await runtime.StopAsync(spec.Id, Cancellation);

        await EndOfAsync(runtime, spec);
        server.Waits.ShouldBe(1);
    }

    [Fact]
    public async Task Answers_are_proofs_of_life_and_so_is_the_end_of_one_that_answered()
    {
        var runtime = NewRuntime(Obedient, options => options.ReadyPoll = TimeSpan.FromMilliseconds(50));
        var spec = NewSpec();
        await runtime.StartAsync(spec, Cancellation);
        await using var stranger = await FakeReplicaServer.StartAsync(SocketOf(spec), ReplicaId.Random());
        await WhenAsync(() => stranger.HealthCalls > 2);
        Of(runtime, spec).LastAlive.ShouldBeNull(); // an answer of somebody else proves nothing
        await stranger.DisposeAsync();

        await using var server = await FakeReplicaServer.StartAsync(SocketOf(spec), spec.Id);
        server.State = "READY";
        await WhenAsync(() => Of(runtime, spec).Phase == ReplicaPhase.Ready);
        var first = Of(runtime, spec).LastAlive.ShouldNotBeNull();
        await WhenAsync(() => Of(runtime, spec).LastAlive > first);

        var killing = TimeProvider.System.GetTimestamp();
        Process.GetProcessById(ProcessOf(spec)!.Pid).Kill();
        await EndOfAsync(runtime, spec);
        Of(runtime, spec).LastAlive.ShouldNotBeNull().ShouldBeGreaterThanOrEqualTo(killing);
    }

    [Fact]
    public async Task The_last_proof_of_life_of_one_that_hung_is_its_last_answer()
    {
        var runtime = NewRuntime(Obedient, options => options.ReadyPoll = TimeSpan.FromMilliseconds(50));
        var spec = NewSpec();
        await runtime.StartAsync(spec, Cancellation);
        await using var server = await FakeReplicaServer.StartAsync(SocketOf(spec), spec.Id);
        server.State = "READY";
        await WhenAsync(() => Of(runtime, spec).Phase == ReplicaPhase.Ready);
        await server.DisposeAsync();
        await WhenAsync(() => Of(runtime, spec).Stalled > TimeSpan.Zero);
        var last = Of(runtime, spec).LastAlive.ShouldNotBeNull();

        Process.GetProcessById(ProcessOf(spec)!.Pid).Kill();
        await EndOfAsync(runtime, spec);
        Of(runtime, spec).LastAlive.ShouldBe(last);
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(false, false)] // of another boot, whose clock is another
    public async Task One_that_ended_unseen_proves_its_life_by_what_it_wrote_itself(bool sameBoot, bool isProof)
    {
        var spec = NewSpec();
        var folder = new ReplicaFolder(Path.Combine(_data.Replicas, spec.Id.ToString()));
        folder.Write(spec);
        var at = new BootClock(TimeProvider.System).Read();
        var sign = new ReplicaLifeSign(spec.Id.ToString(), sameBoot ? at.BootId : "another", at.Ticks);
        await File.WriteAllBytesAsync(
            Path.Combine(folder.Path, ReplicaProtocol.LifeFile), JsonSerializer.SerializeToUtf8Bytes(sign, ApiJson.Default.ReplicaLifeSign), Cancellation);

        var runtime = NewRuntime(Obedient);
        await runtime.AdoptAsync(Cancellation);
        var alive = Of(runtime, spec).LastAlive;
        if (!isProof) alive.ShouldBeNull();
        else new BootClock(TimeProvider.System).At(alive.ShouldNotBeNull()).Ticks.ShouldBe(at.Ticks);
    }

    [Fact]
    public async Task What_a_replica_is_to_be_is_in_its_arguments()
    {
        const string Telling = """
            all=$*; while [ "$1" != --directory ]; do shift; done
            printf "%s" "$all" > $2/told; mv $2/told $2/arguments; while :; do sleep 0.02; done
            """;
        (await ArgumentsAsync(NewSpec() with { MergeAddonFolder = "/models/zog", Precision = "int8", KvPrecision = "fp8" }))
            .ShouldContain("--model /models/story-3m --merge-addon /models/zog --precision int8 --kv-precision fp8");
        (await ArgumentsAsync(NewSpec() with { EnableAddons = true, MaxLoadedAddons = 64 })).ShouldContain("--enable-addons --max-addons 64");
        (await ArgumentsAsync(NewSpec())).ShouldEndWith("--model /models/story-3m --pin-threads off"); // nothing that was not asked for

        async Task<string> ArgumentsAsync(ReplicaSpec spec)
        {
            var runtime = NewRuntime(Telling);
            await runtime.StartAsync(spec, Cancellation);
            var file = Path.Combine(_data.Replicas, spec.Id.ToString(), "arguments");
            await WhenAsync(() => File.Exists(file));
            return await File.ReadAllTextAsync(file, Cancellation);
        }
    }

    [Fact]
    public async Task Only_a_few_directories_of_ended_replicas_are_kept()
    {
        var runtime = NewRuntime(command: ["/nowhere/stoker"], options => options.KeptEnded = 2);
        for (var round = 0; round < 5; round++)
        {
            var spec = NewSpec();
            await runtime.StartAsync(spec, Cancellation);
            await EndOfAsync(runtime, spec);
            await runtime.ForgetAsync(spec.Id, Cancellation);
        }

        Directory.GetDirectories(_data.Replicas).Length.ShouldBe(2);
    }

    [Fact]
    public async Task A_directory_whose_spec_was_cut_never_had_a_replica()
    {
        Directory.CreateDirectory(Path.Combine(_data.Replicas, "abcdefghijkl"));
        await File.WriteAllTextAsync(Path.Combine(_data.Replicas, "abcdefghijkl", ReplicaProtocol.SpecFile), "{\"id\":", Cancellation);
        var runtime = NewRuntime(Obedient);
        await runtime.AdoptAsync(Cancellation);
        runtime.List().ShouldBeEmpty();
        Directory.GetDirectories(_data.Replicas).ShouldBeEmpty();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var runtime in _runtimes)
        {
            await runtime.ReleaseAsync(leaveReplicas: true, CancellationToken.None);
            runtime.Dispose();
        }

        foreach (var folder in Directory.Exists(_data.Replicas) ? Directory.GetDirectories(_data.Replicas) : [])
        {
            if (ProcessIdentity.FindByOption(LocalReplicaRuntime.DirectoryOption, new HashSet<string> { folder }).TryGetValue(folder, out var left)) left.Signal(ProcessIdentity.SigKill);
        }

        Directory.Delete(_data.Root, recursive: true);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private LocalReplicaRuntime NewRuntime(string script, Action<LocalRuntimeOptions>? configure = null) =>
        NewRuntime(["/bin/sh", "-c", script, "sh"], configure);

    private LocalReplicaRuntime NewRuntime(string[] command, Action<LocalRuntimeOptions>? configure = null)
    {
        var options = new LocalRuntimeOptions { LeaseRenewal = TimeSpan.FromMilliseconds(100) };
        foreach (var part in command) options.Command.Add(part);
        configure?.Invoke(options);
        var runtime = new LocalReplicaRuntime(Options.Create(options), _data, TimeProvider.System, NullLogger<LocalReplicaRuntime>.Instance);
        _runtimes.Add(runtime);
        return runtime;
    }

    private static ReplicaSpec NewSpec() => new()
    {
        Id = ReplicaId.Random(),
        Deployment = "accounts/acme/deployments/d",
        Revision = 1,
        ModelFolder = "/models/story-3m",
        ServedModelName = "accounts/fireworks/models/story-3m",
        Region = "LOCAL",
        AcceleratorType = "CPU",
        Slots = [0],
        ContextLength = 128,
        MemoryBytes = 1 << 30,
    };

    private void ShouldHaveStarted(LocalReplicaRuntime runtime, ReplicaSpec spec)
    {
        Of(runtime, spec).Phase.ShouldBe(ReplicaPhase.Starting);
        File.Exists(Path.Combine(_data.Replicas, spec.Id.ToString(), ReplicaProtocol.SpecFile)).ShouldBeTrue();
    }

    private string SocketOf(ReplicaSpec spec) => Path.Combine(_data.Root, "s", $"{spec.Id}.sock");

    private static ObservedReplica Of(LocalReplicaRuntime runtime, ReplicaSpec spec) =>
        runtime.List().Single(replica => replica.Id == spec.Id);

    private ProcessIdentity? ProcessOf(ReplicaSpec spec)
    {
        var folder = Path.Combine(_data.Replicas, spec.Id.ToString());
        return ProcessIdentity.FindByOption(LocalReplicaRuntime.DirectoryOption, new HashSet<string> { folder }).GetValueOrDefault(folder);
    }

    private static async Task<ReplicaEnd> EndOfAsync(LocalReplicaRuntime runtime, ReplicaSpec spec)
    {
        await WhenAsync(() => Of(runtime, spec).Phase == ReplicaPhase.Ended);
        return Of(runtime, spec).End.ShouldNotBeNull();
    }

    /// <summary>Processes tell the test nothing, so it has to look.</summary>
    private static async Task WhenAsync(Func<bool> condition)
    {
        var start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Stopwatch.GetElapsedTime(start).ShouldBeLessThan(Patience, "It did not come about");
            await Task.Delay(TimeSpan.FromMilliseconds(10), TimeProvider.System, Cancellation);
        }
    }
}
