using Stoker.Api.Names;
using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Tests.Metering;

/// <summary>A ledger in memory that can fail and crash at any write; the contract holds it equal to SQLite's.</summary>
internal sealed class MemoryLedgerStore : ILedgerStore
{
    private readonly List<LedgerEvent> _events = [];
    private readonly Dictionary<ReplicaId, LifeProof> _proofs = [];
    private string _run = "";
    private long _version;

    /// <summary>What the next write meets; it is used up by it.</summary>
    public WriteFault Fault { get; set; }

    /// <summary>The disk stays full until it is told otherwise.</summary>
    public bool IsFull { get; set; }

    /// <summary>Called with each event that was really written.</summary>
    public Action<LedgerEvent> Written { get; set; } = _ => { };

    public IReadOnlyDictionary<ReplicaId, LifeProof> Proofs => _proofs;

    public LedgerReading All => new([.. _events], [.. _proofs.Values], new(_events.Count, _version));

    public Task<IReadOnlyList<OpenReplica>> TakeOverAsync(string run, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        _run = run;
        return Task.FromResult<IReadOnlyList<OpenReplica>>(
        [
            .. _events.Where(written => _proofs.ContainsKey(written.Replica)).GroupBy(written => written.Replica)
                .Select(life => new OpenReplica(life.MaxBy(written => written.Ordinal)!, _proofs[life.Key])),
        ]);
    }

    public Task<bool> WriteAsync(string run, LedgerWrite write, CancellationToken cancellation)
    {
        var fault = Fault;
        Fault = WriteFault.None;
        if (IsFull) throw new StorageException(StorageFault.Full, "full");
        if (fault == WriteFault.CrashBefore) throw new CrashException();
        if (run != _run) return Task.FromResult(false);
        foreach (var written in write.Events) Append(written);
        foreach (var proof in write.Proofs.Where(proof => _proofs.ContainsKey(proof.Replica))) _proofs[proof.Replica] = proof;
        _version++;
        return fault == WriteFault.CrashAfter ? throw new CrashException() : Task.FromResult(true);
    }

    public ValueTask<LedgerReading?> ReadAsync(LedgerPlace after, CancellationToken cancellation) => new(
        after.Version == _version ? null : All with { Events = [.. _events.Skip((int)after.Number)] });

    public ValueTask<LedgerReading> ReadAsync(DeploymentName deployment, CancellationToken cancellation)
    {
        var events = _events.Where(written => written.What.Deployment == deployment).ToList();
        return new(All with { Events = events, Proofs = [.. _proofs.Values.Where(proof => events.Exists(written => written.Replica == proof.Replica))] });
    }

    private void Append(LedgerEvent written)
    {
        if (!_events.Exists(other => (other.Replica, other.Ordinal) == (written.Replica, written.Ordinal)))
        {
            _events.Add(written);
            Written(written);
        }

        if (written.Kind == LedgerEventKind.Ended) _proofs.Remove(written.Replica);
        else _proofs[written.Replica] = new(written.Replica, written.At, TimeSpan.Zero);
    }
}

internal enum WriteFault
{
    None,

    /// <summary>The server is killed before the write is there.</summary>
    CrashBefore,

    /// <summary>The server is killed when the write is there, and before it hears of that.</summary>
    CrashAfter,
}

internal sealed class CrashException : Exception;
