using System.Collections.Concurrent;
using Stoker.Api.Names;
using Stoker.ControlPlane.Autoscaling;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Deployments;

/// <summary>
/// When each deployment was asked last, held requests and ends of answers included, across restarts of the server.
/// </summary>
public sealed class LastRequests(LoadBoard board, ILastUseStore store, TimeProvider time)
{
    /// <summary>How much a killed server may forget: nothing beside the days that this is asked for.</summary>
    private static readonly TimeSpan WriteInterval = TimeSpan.FromMinutes(1);

    /// <summary>What the store has.</summary>
    private readonly ConcurrentDictionary<DeploymentName, DateTimeOffset> _written = new();

    /// <summary>Whether any request waits for a replica.</summary>
    public bool AnyHeld => board.All.Any(pair => pair.Value.Queued > 0);

    /// <summary>Takes over what an earlier server wrote.</summary>
    public async Task LoadAsync(CancellationToken cancellation)
    {
        foreach (var (owner, written) in await store.ListAsync(cancellation))
        {
            if (DeploymentName.TryParse(owner, out var name)) _written[name] = written;
        }
    }

    /// <returns>Null when there was none, or none is known; now while one is held or runs.</returns>
    public DateTimeOffset? Of(DeploymentName name)
    {
        var load = board.Of(name);
        if (load.Queued + load.Running > 0) return time.GetUtcNow();
        return (load.LastUse, Written(name)) switch
        {
            ({ } seen, { } written) => seen > written ? seen : written,
            var (seen, written) => seen ?? written,
        };
    }

    /// <summary>Writes what is new; for the controller alone.</summary>
    public async Task WriteAsync(CancellationToken cancellation)
    {
        var due = new List<KeyValuePair<string, DateTimeOffset>>();
        foreach (var (name, _) in board.All)
        {
            if (Of(name) is { } last && (Written(name) is not { } written || last - written >= WriteInterval)) due.Add(new(name.ToString(), last));
        }

        if (due.Count == 0) return;
        await store.WriteAsync(due, cancellation);
        foreach (var (owner, last) in due) _written[DeploymentName.Parse(owner)] = last;
    }

    public async Task ForgetAsync(DeploymentName name, CancellationToken cancellation)
    {
        _written.TryRemove(name, out _);
        await store.ForgetAsync(name.ToString(), cancellation);
    }

    private DateTimeOffset? Written(DeploymentName name) => _written.TryGetValue(name, out var written) ? written : null;
}
