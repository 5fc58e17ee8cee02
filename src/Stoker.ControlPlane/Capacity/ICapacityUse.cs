namespace Stoker.ControlPlane.Capacity;

/// <summary>Says what is in use. Deployments, which this slice does not know, implement it.</summary>
public interface ICapacityUse
{
    Task<IReadOnlyList<Holding>> HoldingsAsync(CancellationToken cancellation);
}
