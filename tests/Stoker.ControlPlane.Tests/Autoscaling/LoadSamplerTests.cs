using Microsoft.Extensions.Logging.Abstractions;
using Stoker.Api.Names;
using Stoker.ControlPlane.Autoscaling;
using Stoker.ControlPlane.Storage;
using Stoker.Testing;

namespace Stoker.ControlPlane.Tests.Autoscaling;

public class LoadSamplerTests
{
    private static readonly DeploymentName Name = DeploymentName.Parse("accounts/a/deployments/d");

    [Fact]
    public async Task The_last_seconds_are_saved_when_the_server_ends()
    {
        var (time, store) = (new ManualTime(ScaledFleet.Noon), new MemoryStore());
        var windows = Watching(time, store);
        await RunAsync(windows, time, TimeSpan.FromSeconds(4));
        store.Saved.ShouldHaveSingleItem().Deployment.ShouldBe(Name.ToString());
    }

    [Fact]
    public async Task A_store_that_is_full_stops_no_sampling()
    {
        var (time, store) = (new ManualTime(ScaledFleet.Noon), new MemoryStore { Fault = new StorageException(StorageFault.Full, "full") });
        var windows = Watching(time, store);
        await RunAsync(windows, time, TimeSpan.FromSeconds(12));
        store.Saved.ShouldBeEmpty();
        store.Tries.ShouldBeGreaterThan(0);
    }

    [Fact]
    public async Task What_a_save_that_failed_had_is_in_the_next_and_then_no_more()
    {
        var (time, store) = (new ManualTime(ScaledFleet.Noon), new MemoryStore());
        var windows = Watching(time, store);
        await PassAsync();
        store.Saved.Count.ShouldBe(1);
        store.Fault = new StorageException(StorageFault.Full, "full");
        windows.Decide(Name, new() { Policy = ScalingPolicy.Default, Min = 0, Max = 1, Targets = LoadTargets.Usual, Desired = 1, ManualCount = 1, Now = time.GetUtcNow() });
        await Should.ThrowAsync<StorageException>(PassAsync());
        store.Fault = null;
        await PassAsync();
        store.Saved.Count.ShouldBe(1);
        await PassAsync();
        store.Saved.ShouldBeEmpty(); // of the last write

        Task PassAsync()
        {
            time.Advance(TimeSpan.FromSeconds(5));
            windows.Sample();
            return windows.SaveAsync(TestContext.Current.CancellationToken);
        }
    }

    private static async Task RunAsync(LoadWindows windows, ManualTime time, TimeSpan length)
    {
        using var sampler = new LoadSampler(windows, time, NullLogger<LoadSampler>.Instance);
        using var stop = new CancellationTokenSource();
        var running = sampler.RunAsync(stop.Token);
        time.Advance(length);
        await stop.CancelAsync();
        await running;
    }

    private static LoadWindows Watching(ManualTime time, MemoryStore store)
    {
        var windows = new LoadWindows(new(time), store, time);
        windows.Decide(Name, new() { Policy = ScalingPolicy.Default, Min = 0, Max = 1, Targets = LoadTargets.Usual, Desired = 1, Now = time.GetUtcNow() });
        return windows;
    }

    private sealed class MemoryStore : IScalingStore
    {
        public Exception? Fault { get; set; }
        public int Tries { get; private set; }
        public List<StoredWindow> Saved { get; private set; } = [];

        public StoredWindows ReadWindows() => new(Saved, null);

        public Task SaveWindowsAsync(WindowsWrite write, CancellationToken cancellation)
        {
            Tries++;
            if (Fault is not null) return Task.FromException(Fault);
            Saved = [.. write.Windows];
            return Task.CompletedTask;
        }

        public IReadOnlyList<StoredDecision> ReadDecisions(string deployment, int most) => [];

        public Task AppendDecisionAsync(string deployment, StoredDecision decision, int keep, CancellationToken cancellation) => Task.CompletedTask;

        public Task ForgetAsync(string deployment, CancellationToken cancellation) => Task.CompletedTask;
    }
}
