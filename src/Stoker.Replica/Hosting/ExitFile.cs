using System.Text.Json;
using Stoker.Api;
using Stoker.Api.Replicas;

namespace Stoker.Replica.Hosting;

/// <summary>A replica's end in words that its owner reads; the message never has a request's content in it.</summary>
internal sealed record ReplicaEnd(string Reason, string Message)
{
    public const string Drained = "DRAINED";
    public const string LeaseExpired = "LEASE_EXPIRED";
    public const string LoadFailed = "LOAD_FAILED";
    public const string Crashed = "CRASHED";
}

/// <summary>Writes <see cref="ReplicaExit"/> into the replica's directory, where there is one.</summary>
internal sealed class ExitFile(string? directory, string replicaId, TimeProvider time)
{
    private readonly Lock _lock = new();

    public string? LogPath => directory is null ? null : Path.Combine(directory, ReplicaProtocol.LogFile);

    public void Write(string reason, string message)
    {
        if (directory is null) return;
        lock (_lock)
        {
            var path = Path.Combine(directory, ReplicaProtocol.ExitFile);
            var exit = new ReplicaExit(replicaId, reason, message, time.GetUtcNow());
            File.WriteAllBytes($"{path}.new", JsonSerializer.SerializeToUtf8Bytes(exit, ApiJson.Default.ReplicaExit));
            File.Move($"{path}.new", path, overwrite: true); // a reader sees all of it or none
        }
    }

    /// <summary>From the last-chance handler. The exception's type only: its message is not ours.</summary>
    public void WriteCrash(object exception) =>
        Write(ReplicaEnd.Crashed, $"The replica ended with an unhandled {exception.GetType().FullName}.");
}
