using System.Text.Json;
using Stoker.Api;
using Stoker.Api.Replicas;

namespace Stoker.Replica.Hosting;

/// <summary>
/// Writes down now and then that the replica lives. A server that was away when it was killed learns from it how long it
/// lived, which nobody else has seen.
/// </summary>
internal sealed class LifeFile : IDisposable
{
    private readonly string _path;
    private readonly string _replicaId;
    private readonly string _bootId;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private readonly ITimer _timer;

    private LifeFile(string directory, string replicaId, string bootId, TimeProvider time)
    {
        (_path, _replicaId, _bootId, _time) = (Path.Combine(directory, ReplicaProtocol.LifeFile), replicaId, bootId, time);
        _timer = time.CreateTimer(_ => Write(), null, ReplicaProtocol.LifeInterval, ReplicaProtocol.LifeInterval);
    }

    /// <summary>Null without a directory, or where the system does not tell boots apart.</summary>
    public static LifeFile? Start(string? directory, string replicaId, TimeProvider time)
    {
        const string Boot = "/proc/sys/kernel/random/boot_id";
        return directory is null || !File.Exists(Boot) ? null : new(directory, replicaId, File.ReadAllText(Boot).Trim(), time);
    }

    public void Dispose() => _timer.Dispose();

    private void Write()
    {
        if (!_lock.TryEnter()) return; // a disk that takes longer than the interval gets no second write
        try
        {
            var ticks = (long)((Int128)_time.GetTimestamp() * TimeSpan.TicksPerSecond / _time.TimestampFrequency);
            File.WriteAllBytes($"{_path}.new", JsonSerializer.SerializeToUtf8Bytes(new(_replicaId, _bootId, ticks), ApiJson.Default.ReplicaLifeSign));
            File.Move($"{_path}.new", _path, overwrite: true); // a reader sees all of it or none
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // A full disk costs the proof, not the replica.
        }
        finally
        {
            _lock.Exit();
        }
    }
}
