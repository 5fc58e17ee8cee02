using Stoker.Api.Names;

namespace Stoker.ControlPlane.Capacity;

/// <summary>Accelerators that an account is guaranteed for a time.</summary>
/// <param name="EndTime">When it does not hold any more; null is never.</param>
public sealed record Reservation(
    ReservationName Name, AcceleratorType Type, Region Region, int Count, DateTimeOffset StartTime, DateTimeOffset? EndTime)
{
    public AccountName Account => Name.Parent;

    public bool IsActive(DateTimeOffset now) => StartTime <= now && !(EndTime <= now);

    public bool IsOf(Region region, AcceleratorType type) => Region == region && Type == type;
}
