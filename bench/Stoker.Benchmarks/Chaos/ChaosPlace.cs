using Stoker.Benchmarks.Replicas;

namespace Stoker.Benchmarks.Chaos;

/// <summary>A home and a data directory of a run's own, gone with it. Short: sockets below it must fit 108 bytes.</summary>
internal sealed class ChaosPlace : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("stk");

    public ChaosPlace()
    {
        Directory.CreateDirectory(Home);
        Directory.CreateDirectory(Data);
    }

    public string Root => _root.FullName;

    public string Home => Path.Combine(Root, "home");

    public string Data => Path.Combine(Root, "data");

    public string Replicas => Path.Combine(Data, "replicas");

    public string AdminKey => Path.Combine(Data, "admin.key");

    public string Database => Path.Combine(Data, "stoker.db");

    /// <summary>Ends whatever replica is left, so that a run that found orphans leaves none.</summary>
    public void Dispose()
    {
        foreach (var process in RunningReplicas.Under(Replicas)) process.Kill();
        _root.Delete(recursive: true);
    }
}
