using System.Text.Json;
using System.Text.Json.Serialization;
using Stoker.Api.Names;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Deployments;

/// <summary>
/// The answers of each deployment by revision, gathered from replicas that come and go, across restarts of the server: an
/// update during which it ends is still compared with what was before. The reconciler alone takes, its sweep writes; what
/// came since the last write is lost with a server that is killed.
/// </summary>
public sealed class RevisionFigures(AnswerBoard board, IFiguresStore store)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<DeploymentName, Dictionary<long, AnswerFigures>> _sums = [];
    private readonly Dictionary<DeploymentName, Dictionary<ReplicaId, AnswerFigures>> _taken = [];

    // What the store has, and the revisions below which it may forget.
    private readonly Dictionary<(DeploymentName, long), AnswerFigures> _written = [];
    private readonly Dictionary<DeploymentName, long> _oldest = [];

    /// <summary>Takes over what an earlier server wrote. What cannot be read is left out: nothing is called worse by it.</summary>
    public async Task LoadAsync(CancellationToken cancellation)
    {
        var rows = await store.ListAsync(cancellation);
        lock (_lock)
        {
            _sums.Clear();
            _taken.Clear();
            _written.Clear();
            _oldest.Clear();
            foreach (var row in rows)
            {
                if (!DeploymentName.TryParse(row.Owner, out var name) || Read(row.Figures) is not { } figures) continue;
                if (!_sums.TryGetValue(name, out var sums)) _sums.Add(name, sums = []);
                sums[row.Revision] = _written[(name, row.Revision)] = figures;
            }
        }
    }

    /// <summary>Writes what is new, and removes what is of no interest any more.</summary>
    public async Task WriteAsync(CancellationToken cancellation)
    {
        var (due, old) = Due();
        if (due.Count > 0)
        {
            await store.WriteAsync([.. due.Select(item => new StoredFigures(item.Name.ToString(), item.Revision, Write(item.Figures)))], cancellation);
        }

        foreach (var (name, oldest) in old) await store.ForgetAsync(name.ToString(), oldest, cancellation);
        lock (_lock)
        {
            foreach (var (name, revision, figures) in due) _written[(name, revision)] = figures;
            foreach (var key in _written.Keys.Where(key => old.TryGetValue(key.Item1, out var oldest) && key.Item2 < oldest).ToList()) _written.Remove(key);
        }
    }

    /// <summary>Takes in what is new and answers with all that is known.</summary>
    /// <param name="own">The deployment's replicas; what is not among them any more is gone.</param>
    /// <param name="oldest">Revisions below it are of no interest any more.</param>
    public IReadOnlyDictionary<long, AnswerFigures> Take(DeploymentName name, IReadOnlyList<ObservedReplica> own, long oldest)
    {
        lock (_lock)
        {
            if (!_sums.TryGetValue(name, out var sums)) _sums.Add(name, sums = []);
            if (!_taken.TryGetValue(name, out var taken)) _taken.Add(name, taken = []);
            foreach (var replica in own)
            {
                if (board.Find(replica.Id) is not { } figures) continue;
                var news = figures.Minus(taken.GetValueOrDefault(replica.Id, AnswerFigures.None));
                if (news is { Count: 0, Streams: 0 }) continue; // the same record says that nothing has to be written
                taken[replica.Id] = figures;
                sums[replica.Spec.Revision] = sums.GetValueOrDefault(replica.Spec.Revision, AnswerFigures.None).Plus(news);
            }

            foreach (var gone in taken.Keys.Where(id => own.All(replica => replica.Id != id)).ToList())
            {
                taken.Remove(gone);
                board.Forget(gone);
            }

            foreach (var old in sums.Keys.Where(revision => revision < oldest).ToList()) sums.Remove(old);
            _oldest[name] = oldest;
            return sums;
        }
    }

    public async Task ForgetAsync(DeploymentName name, CancellationToken cancellation)
    {
        lock (_lock)
        {
            _sums.Remove(name);
            _oldest.Remove(name);
            foreach (var key in _written.Keys.Where(key => key.Item1 == name).ToList()) _written.Remove(key);
            if (_taken.Remove(name, out var taken))
            {
                foreach (var id in taken.Keys) board.Forget(id);
            }
        }

        await store.ForgetAsync(name.ToString(), long.MaxValue, cancellation);
    }

    private (List<(DeploymentName Name, long Revision, AnswerFigures Figures)> Due, Dictionary<DeploymentName, long> Old) Due()
    {
        lock (_lock)
        {
            var due = new List<(DeploymentName, long, AnswerFigures)>();
            foreach (var (name, sums) in _sums)
            {
                foreach (var (revision, figures) in sums)
                {
                    if (!ReferenceEquals(_written.GetValueOrDefault((name, revision)), figures)) due.Add((name, revision, figures));
                }
            }

            var old = _written.Keys.Where(key => _oldest.TryGetValue(key.Item1, out var oldest) && key.Item2 < oldest)
                .Select(key => key.Item1).Distinct().ToDictionary(name => name, name => _oldest[name]);
            return (due, old);
        }
    }

    private static byte[] Write(AnswerFigures figures) =>
        JsonSerializer.SerializeToUtf8Bytes(new(figures.Good, figures.Failed, figures.FirstTokens), FiguresJson.Default.KeptFigures);

    private static AnswerFigures? Read(byte[] json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, FiguresJson.Default.KeptFigures) is { FirstTokens.Count: AnswerFigures.Buckets } kept
                ? new(kept.Good, kept.Failed, kept.FirstTokens)
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

internal sealed record KeptFigures(long Good, long Failed, IReadOnlyList<long> FirstTokens);

[JsonSerializable(typeof(KeptFigures))]
internal sealed partial class FiguresJson : JsonSerializerContext;
