using Stoker.Api.Names;
using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Tests.Metering;

/// <summary>Events of one boot and one run, by the second after noon.</summary>
internal static class LedgerEvents
{
    public static readonly DateTimeOffset Noon = new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero);

    public static MeteredReplica What(string deployment = "d", int accelerators = 1) =>
        new(DeploymentName.Parse($"accounts/acme/deployments/{deployment}"), Noon, "CPU", accelerators, "LOCAL", Reserved: false);

    /// <param name="wall">The wall clock's second, where it was stepped.</param>
    public static BootStamp At(double second, string boot = "boot-1", double? wall = null) =>
        new(boot, TimeSpan.FromSeconds(second).Ticks, Noon.AddSeconds(wall ?? second));

    /// <summary>Number 0 is READY, others are ALIVE.</summary>
    public static LedgerEvent Event(ReplicaId replica, int ordinal, double second) => new(
        replica, ordinal, ordinal == 0 ? LedgerEventKind.Ready : LedgerEventKind.Alive, At(second), TimeSpan.Zero, "run-1", What());

    public static LedgerReading Reading(params LedgerEvent[] events) => new(events, [], new(events.Length, 1));

    public static LedgerReading With(this LedgerReading reading, params LifeProof[] proofs) => reading with { Proofs = proofs };
}
