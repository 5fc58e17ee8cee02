using Stoker.Api.Names;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Tests.Metering;

/// <summary>A ledger that tells what is written just before it is.</summary>
internal sealed class WatchedLedgerStore(ILedgerStore inner) : ILedgerStore
{
    public Action<LedgerWrite> Writing { get; set; } = _ => { };

    public Task<IReadOnlyList<OpenReplica>> TakeOverAsync(string run, CancellationToken cancellation) => inner.TakeOverAsync(run, cancellation);

    public Task<bool> WriteAsync(string run, LedgerWrite write, CancellationToken cancellation)
    {
        Writing(write);
        return inner.WriteAsync(run, write, cancellation);
    }

    public ValueTask<LedgerReading?> ReadAsync(LedgerPlace after, CancellationToken cancellation) => inner.ReadAsync(after, cancellation);

    public ValueTask<LedgerReading> ReadAsync(DeploymentName deployment, CancellationToken cancellation) => inner.ReadAsync(deployment, cancellation);
}
