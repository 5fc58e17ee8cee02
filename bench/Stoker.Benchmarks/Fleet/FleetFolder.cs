using System.Text.Json;
using Stoker.Api.Names;
using Stoker.ControlPlane.Autoscaling;
using Stoker.ControlPlane.Storage;

namespace Stoker.Benchmarks.Fleet;

/// <summary>The data directory of the bench's servers, gone with this object.</summary>
internal sealed class FleetFolder : IDisposable
{
    public const string AcceleratorType = "NVIDIA_H100_80GB";
    public const string Region = "US_IOWA_1";

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("stoker-fleet-");

    public FleetFolder(int accelerators)
    {
        var emulated = new Dictionary<string, Dictionary<string, int>> { [Region] = new() { [AcceleratorType] = accelerators } };
        File.WriteAllText(
            System.IO.Path.Combine(Path, "stoker.json"),
            JsonSerializer.Serialize(new { Stoker = new { Capacity = new { Emulated = emulated } } }));
    }

    public string Path => _folder.FullName;

    /// <summary>
    /// Makes every deployment one that has been idle for long, as far as its load window tells: full windows are what the
    /// sampler and the saving cost most on. To be called between two servers.
    /// </summary>
    public async Task FillWindowsAsync(IEnumerable<DeploymentName> deployments, TimeSpan length)
    {
        var window = new LoadWindow(length);
        for (var second = 1; second <= length.TotalSeconds; second++) window.Add(second, LoadBucket.Steady(0));
        var bytes = window.Write();
        await using var database = SqliteDatabase.Open(new DataDirectory(Path).Database, TimeProvider.System, TimeSpan.FromMinutes(1));
        var now = TimeProvider.System.GetUtcNow();
        await new SqliteScalingStore(database).SaveWindowsAsync(
            WindowsWrite.Of([.. deployments.Select(name => new StoredWindow(name.ToString(), bytes, BootId: "", LastSecond: 0, now))]), CancellationToken.None);
    }

    public void Dispose() => _folder.Delete(recursive: true);
}
