using System.Diagnostics;
using System.Text.Json;
using Stoker.Api.Replicas;

namespace Stoker.Benchmarks.Chaos;

/// <summary>
/// What is known of one replica without asking any server: from the process table, from its own answers, and from the
/// file that was written before it was started. Times are stamps of the boot's clock, in 100 ns.
/// </summary>
/// <param name="Slots">The accelerators that it occupies.</param>
internal sealed record ReplicaLife(string Id, string Deployment, int ContextLength, IReadOnlyList<string> Slots)
{
    /// <summary>
    /// The last instant at which it was surely not ready: before a question that it answered with another word. No answer
    /// says nothing.
    /// </summary>
    public long? NotReadyAt { get; init; }

    /// <summary>After its first answer that it is ready.</summary>
    public long? ReadyAt { get; init; }

    /// <summary>Its own log says that it was ready, which it may have been between two questions alone.</summary>
    public bool WroteReady { get; init; }

    /// <summary>The last instant at which it surely lived.</summary>
    public long AliveAt { get; init; }

    /// <summary>The first instant at which it surely was gone.</summary>
    public long? GoneAt { get; init; }

    /// <summary>Its last word: STARTING, LOADING, READY, DRAINING; empty before the first.</summary>
    public string State { get; init; } = "";

    /// <summary>With what it wrote down itself, which is read only where its answers leave a doubt.</summary>
    public ReplicaLife WithOwnWords(string folder)
    {
        var log = Path.Combine(folder, Id, ReplicaProtocol.LogFile);
        return ReadyAt is null && File.Exists(log) ? this with { WroteReady = File.ReadAllText(log).Contains(" is ready after ", StringComparison.Ordinal) } : this;
    }

    /// <summary>Now.</summary>
    public static long Stamp() => (long)((Int128)Stopwatch.GetTimestamp() * TimeSpan.TicksPerSecond / Stopwatch.Frequency);

    /// <summary>Null when its file is not there.</summary>
    public static ReplicaLife? Read(string id, string folder)
    {
        try
        {
            using var spec = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, id, "spec.json")));
            var root = spec.RootElement;
            var pool = $"{root.GetProperty("region").GetString()}/{root.GetProperty("acceleratorType").GetString()}";
            return new(
                id,
                root.GetProperty("deployment").GetString()!.Split('/')[^1],
                root.GetProperty("contextLength").GetInt32(),
                [.. root.GetProperty("slots").EnumerateArray().Select(slot => $"{pool}/{slot.GetInt32()}")]);
        }
        catch (IOException)
        {
            return null;
        }
    }
}
