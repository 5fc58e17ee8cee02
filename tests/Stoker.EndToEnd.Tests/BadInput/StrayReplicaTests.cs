using System.Diagnostics;
using System.Net.Http.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Stoker.Api;
using Stoker.Api.Replicas;
using Stoker.Api.Resources;
using Stoker.EndToEnd.Tests.Harness;

namespace Stoker.EndToEnd.Tests.BadInput;

/// <summary>A replica that is alive and does not answer, and one that answers and is not ours.</summary>
public class StrayReplicaTests
{
    /// <summary>The stated time, far below the default of a minute.</summary>
    private static readonly TimeSpan Unresponsive = TimeSpan.FromSeconds(5);

    private static readonly Dictionary<string, string> Options = new()
    {
        ["Stoker__Runtime__Engine"] = "simulated",
        ["Stoker__Deployments__Unresponsive"] = "00:00:05",
        ["Stoker__Runtime__StopBound"] = "00:00:01",
    };

    [Fact]
    public async Task One_that_does_not_answer_is_replaced_ended_before_it_is_called_gone_and_paid_for_to_its_last_answer()
    {
        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(sandbox, Options);
        var asked = Stopwatch.GetTimestamp();
        await server.DeployAsync("d");
        var silent = ReplicaProcesses.Under(sandbox.Root).ShouldHaveSingleItem();
        (await AnswersAsync(server)).ShouldBeTrue();
        Signals.Suspend(silent.Id);
        var most = Stopwatch.GetElapsedTime(asked);

        // Whatever the server calls gone, is gone.
        var intervals = await WhenAsync(server, seen => seen[0].State == "ENDED", "the silent replica is given up");
        ReplicaProcesses.Under(sandbox.Root).ShouldNotContain(process => process.Id == silent.Id);
        await Patience.UntilAsync(() => AnswersAsync(server), answers => answers, "another replica answers");
        ReplicaProcesses.Under(sandbox.Root).ShouldHaveSingleItem().Id.ShouldNotBe(silent.Id);

        // An answer that was on its way is read a little later; the time of its silence is longer than that.
        intervals[0].ReplicaSeconds.ShouldNotBeNull().ShouldBeLessThan((most + (Unresponsive / 2)).TotalSeconds);
        var events = await FirectlRun.OfAsync(sandbox, "deployment", "events", "d");
        events.ShouldEndWith(0, "it did not answer for 5 s");
    }

    [Fact]
    public async Task One_that_is_not_ours_gets_no_request_and_no_signal()
    {
        using var sandbox = new Sandbox();
        await using var server = await StokerServerProcess.StartAsync(sandbox, Options);
        await server.DeployAsync("d");
        var ours = ReplicaProcesses.Under(sandbox.Root).ShouldHaveSingleItem();

        // Somebody else takes its place. Looks come once a second: the third is later than what follows from the first.
        var socket = Directory.EnumerateFiles(Path.Combine(sandbox.Data, "s")).ShouldHaveSingleItem();
        File.Delete(socket);
        await using var stranger = await Stranger.ListenAsync(socket);
        await Patience.UntilAsync(() => Task.FromResult(stranger.Looks), looks => looks >= 3, "the server looks three times");

        // Nobody is there for a request now: it is held, and another replica answers it when ours is given up.
        (await AnswersAsync(server)).ShouldBeTrue();
        stranger.Others.ShouldBe(0);
        await Patience.UntilAsync(
            () => Task.FromResult(ReplicaProcesses.Under(sandbox.Root)),
            seen => seen.Count == 1 && seen[0].Id != ours.Id,
            "ours is replaced");
        (await server.GetAsync("d")).State.ShouldBe("READY");
    }

    private static async Task<bool> AnswersAsync(StokerServerProcess server)
    {
        using var answer = await server.Http.PostAsJsonAsync(
            "inference/v1/completions", new { model = StokerServerProcess.Address("d"), prompt = "Once", max_tokens = 1 });
        return answer.IsSuccessStatusCode;
    }

    private static Task<IReadOnlyList<ReplicaIntervalResource>> WhenAsync(
        StokerServerProcess server, Func<IReadOnlyList<ReplicaIntervalResource>, bool> fits, string what) => Patience.UntilAsync(
        async () => (await server.Http.GetFromJsonAsync("v1/accounts/default/deployments/d:intervals", ApiJson.Default.ListReplicaIntervalsResponse))!.Intervals,
        intervals => intervals.Count > 0 && fits(intervals),
        what);

    /// <summary>This process, at a replica's address: were it signalled, the tests would end.</summary>
    private sealed class Stranger : IAsyncDisposable
    {
        private readonly WebApplication _app;
        private int _looks;
        private int _others;

        private Stranger(WebApplication app)
        {
            _app = app;
            app.MapGet(ReplicaProtocol.HealthPath, () =>
            {
                Interlocked.Increment(ref _looks);
                return Results.Json(new ReplicaHealth("0123456789ab", ReplicaProtocol.Version, "READY", null, 8, "test", 0, 0), ApiJson.Default.ReplicaHealth);
            });
            app.MapFallback(() =>
            {
                Interlocked.Increment(ref _others);
                return Results.Ok();
            });
        }

        public int Looks => Volatile.Read(ref _looks);

        public int Others => Volatile.Read(ref _others);

        public static async Task<Stranger> ListenAsync(string socket)
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenUnixSocket(socket));
            var stranger = new Stranger(builder.Build());
            await stranger._app.StartAsync();
            return stranger;
        }

        public ValueTask DisposeAsync() => _app.DisposeAsync();
    }
}
