using System.Collections.Concurrent;
using Stoker.ControlPlane.Runtimes;

namespace Stoker.ControlPlane.Replicas;

/// <summary>
/// How the answers of one replica went. The gateway writes, whoever compares revisions reads: one short lock per answer.
/// </summary>
public sealed class ReplicaAnswers
{
    private readonly Lock _gate = new();
    private readonly long[] _firstTokens = new long[AnswerFigures.Buckets];
    private long _good;
    private long _failed;

    /// <summary>A request was answered, or refused for what was wrong with it.</summary>
    public void Answered()
    {
        lock (_gate) _good++;
    }

    /// <summary>The replica broke off, failed inside, or was too slow.</summary>
    public void Failed()
    {
        lock (_gate) _failed++;
    }

    /// <summary>A stream's first event came, so long after the request was sent.</summary>
    public void FirstToken(TimeSpan after)
    {
        lock (_gate) _firstTokens[AnswerFigures.BucketOf(after)]++;
    }

    public AnswerFigures Read()
    {
        lock (_gate) return new(_good, _failed, [.. _firstTokens]);
    }
}

/// <summary>The answers of every replica that the gateway has sent to.</summary>
public sealed class AnswerBoard
{
    private readonly ConcurrentDictionary<ReplicaId, ReplicaAnswers> _replicas = new();

    public ReplicaAnswers Of(ReplicaId id) => _replicas.GetOrAdd(id, static _ => new());

    public AnswerFigures? Find(ReplicaId id) => _replicas.TryGetValue(id, out var answers) ? answers.Read() : null;

    /// <summary>For replicas that are gone.</summary>
    public void Forget(ReplicaId id) => _replicas.TryRemove(id, out _);
}
