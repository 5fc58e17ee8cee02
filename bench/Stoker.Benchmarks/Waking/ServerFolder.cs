using Stoker.Benchmarks.Replicas;

namespace Stoker.Benchmarks.Waking;

/// <summary>
/// A data directory for one server after the other, gone with this object, and so are the replicas that they left.
/// </summary>
internal sealed class ServerFolder : IDisposable
{
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("stkb-"); // short: sockets are below it

    public ServerFolder() => Directory.CreateDirectory(Home);

    public string Data => Path.Combine(_root.FullName, "data");

    public string Home => Path.Combine(_root.FullName, "home");

    public IReadOnlyList<RunningReplica> Replicas() => RunningReplicas.Under(Path.Combine(Data, "replicas"));

    public void Dispose()
    {
        foreach (var replica in Replicas()) replica.Kill();
        // A killed process is there for a moment more, and may write a last file.
        while (Replicas().Count > 0) Thread.Yield();
        _root.Delete(recursive: true);
    }
}
