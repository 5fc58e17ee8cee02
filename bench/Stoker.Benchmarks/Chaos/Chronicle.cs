using System.Collections.Concurrent;
using System.Globalization;

namespace Stoker.Benchmarks.Chaos;

/// <summary>What happened to deployments, replicas and the server in a run, for whoever has to find out why.</summary>
internal sealed class Chronicle
{
    public const string Server = "server";

    /// <summary>Minutes of a run: what is found is found at its next rest.</summary>
    private const int KeptLines = 10_000;

    private readonly ConcurrentQueue<(string Subject, string Line)> _lines = new();
    private readonly long _begun = ReplicaLife.Stamp();

    /// <param name="subject">A deployment, a replica, or <see cref="Server"/>.</param>
    public void Note(string subject, string what)
    {
        _lines.Enqueue((subject, string.Create(CultureInfo.InvariantCulture, $"{Seconds(ReplicaLife.Stamp()):F3} s  {subject}: {what}")));
        while (_lines.Count > KeptLines) _lines.TryDequeue(out _);
    }

    /// <summary>The last lines of all that a finding names, and of the server.</summary>
    public IReadOnlyList<string> Of(string finding, int most) =>
        [.. _lines.Where(line => line.Subject == Server || finding.Contains(line.Subject, StringComparison.Ordinal)).Select(line => line.Line).TakeLast(most)];

    /// <summary>A stamp as seconds of the run.</summary>
    private double Seconds(long stamp) => new TimeSpan(stamp - _begun).TotalSeconds;
}
