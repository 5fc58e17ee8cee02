using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using Stoker.Api;
using Stoker.Api.Replicas;

namespace Stoker.ControlPlane.Runtimes;

/// <summary>
/// A replica's directory: its spec, written by its owner before the start, and its log and last words, written by
/// itself.
/// </summary>
internal sealed record ReplicaFolder(string Path)
{
    /// <summary>Longest text of last words that goes into a status; a stack trace belongs into the log.</summary>
    private const int MaxWords = 500;

    private string SpecFile => System.IO.Path.Combine(Path, ReplicaProtocol.SpecFile);

    public string LogFile => System.IO.Path.Combine(Path, ReplicaProtocol.LogFile);

    /// <summary>Whole or not at all, by a rename. Power loss needs no more care: it ends the replica too.</summary>
    public void Write(ReplicaSpec spec)
    {
        Storage.DataDirectory.CreateDirectory(Path);
        var temporary = SpecFile + ".new";
        using (var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write))
        {
            JsonSerializer.Serialize(stream, spec, RuntimeJson.Default.ReplicaSpec);
            stream.Flush(flushToDisk: true);
        }

        File.Move(temporary, SpecFile, overwrite: true);
    }

    public bool TryReadSpec([NotNullWhen(true)] out ReplicaSpec? spec)
    {
        spec = Read(SpecFile, RuntimeJson.Default.ReplicaSpec);
        return spec is not null && spec.Id.ToString() == System.IO.Path.GetFileName(Path);
    }

    public ReplicaExit? ReadExit() =>
        Read(System.IO.Path.Combine(Path, ReplicaProtocol.ExitFile), ApiJson.Default.ReplicaExit);

    /// <summary>
    /// The replica's last sign of its own life, as a timestamp of the clock; null when there is none of this boot.
    /// </summary>
    public long? ReadLife(ReplicaId id, TimeProvider time)
    {
        var sign = Read(System.IO.Path.Combine(Path, ReplicaProtocol.LifeFile), ApiJson.Default.ReplicaLifeSign);
        var boot = new Storage.BootClock(time).BootId;
        if (sign is null || sign.ReplicaId != id.ToString() || sign.BootId != boot || boot.Length == 0) return null;
        var timestamp = (long)((Int128)sign.Ticks * time.TimestampFrequency / TimeSpan.TicksPerSecond);
        return timestamp <= time.GetTimestamp() ? timestamp : null;
    }

    /// <summary>
    /// How the replica ended by its own account; else by what its owner saw, with the last line of its log.
    /// </summary>
    /// <param name="seen">Such as "was killed by signal 9"; null when nobody saw its end.</param>
    public ReplicaEnd ReadEnd(ReplicaId id, bool stopAsked, string? seen)
    {
        if (ReadExit() is { } exit && exit.ReplicaId == id.ToString())
        {
            return new(stopAsked || exit.Reason is "DRAINED" or "LEASE_EXPIRED", Short(exit.Message));
        }

        var words = $"the replica {seen ?? "ended unseen"} and left no reason";
        return new(stopAsked, ReadLastLogLine() is { } line ? $"{words}; its log ends with: {line}" : words);
    }

    public void Delete()
    {
        try
        {
            Directory.Delete(Path, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // Gone already: that is what was asked.
        }
    }

    private string? ReadLastLogLine()
    {
        try
        {
            using var stream = new FileStream(LogFile, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            stream.Seek(-Math.Min(stream.Length, 4096), SeekOrigin.End);
            using var reader = new StreamReader(stream);
            return reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries) is [.., var last]
                ? Short(last)
                : null;
        }
        catch (IOException)
        {
            return null;
        }
    }

    private static T? Read<T>(string path, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> json)
        where T : class
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), json);
        }
        catch (Exception error) when (error is IOException or JsonException)
        {
            return null; // not there, or cut by a crash
        }
    }

    private static string Short(string text) => text.Length <= MaxWords ? text : text[..MaxWords] + "...";
}
