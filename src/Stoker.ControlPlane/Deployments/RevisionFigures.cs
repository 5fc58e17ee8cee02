using Stoker.Api.Names;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Runtimes;

namespace Stoker.ControlPlane.Deployments;

/// <summary>
/// The answers of each deployment by revision, gathered from replicas that come and go. In memory alone: a server that
/// starts knows nothing of what was before, and calls nothing worse. For the reconciler alone.
/// </summary>
public sealed class RevisionFigures(AnswerBoard board)
{
    private readonly Dictionary<DeploymentName, Dictionary<long, AnswerFigures>> _sums = [];
    private readonly Dictionary<DeploymentName, Dictionary<ReplicaId, AnswerFigures>> _taken = [];

    /// <summary>Takes in what is new and answers with all that is known.</summary>
    /// <param name="own">The deployment's replicas; what is not among them any more is gone.</param>
    /// <param name="oldest">Revisions below it are of no interest any more.</param>
    public IReadOnlyDictionary<long, AnswerFigures> Take(DeploymentName name, IReadOnlyList<ObservedReplica> own, long oldest)
    {
        if (!_sums.TryGetValue(name, out var sums)) _sums.Add(name, sums = []);
        if (!_taken.TryGetValue(name, out var taken)) _taken.Add(name, taken = []);
        foreach (var replica in own)
        {
            if (board.Find(replica.Id) is not { } figures) continue;
            var news = figures.Minus(taken.GetValueOrDefault(replica.Id, AnswerFigures.None));
            taken[replica.Id] = figures;
            sums[replica.Spec.Revision] = sums.GetValueOrDefault(replica.Spec.Revision, AnswerFigures.None).Plus(news);
        }

        foreach (var gone in taken.Keys.Where(id => own.All(replica => replica.Id != id)).ToList())
        {
            taken.Remove(gone);
            board.Forget(gone);
        }

        foreach (var old in sums.Keys.Where(revision => revision < oldest).ToList()) sums.Remove(old);
        return sums;
    }

    public void Forget(DeploymentName name)
    {
        _sums.Remove(name);
        if (!_taken.Remove(name, out var taken)) return;
        foreach (var id in taken.Keys) board.Forget(id);
    }
}
