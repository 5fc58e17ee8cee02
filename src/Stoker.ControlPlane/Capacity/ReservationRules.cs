using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Resources;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Capacity;

/// <summary>What a reservation has to obey. Pure.</summary>
internal static class ReservationRules
{
    public static UpdatableFields Updatable { get; } = new(
        ["display_name", "description", "reserved_count", "start_time", "end_time"],
        ["name", "create_time", "update_time", "created_by", "active", "emulated"]);

    public static Listing<ReservationResource> Listing { get; } =
        new(WireJson.Context.ReservationResource, reservation => reservation.Name, "create_time") { OwnParameters = ["showInactive"] };

    /// <summary>A complete record: its region is chosen, its beginning is known.</summary>
    /// <param name="others">Every other reservation.</param>
    public static Result<ReservationResource> Check(
        ReservationResource asked, Inventory inventory, IReadOnlyList<Reservation> others, DateTimeOffset now, Violations? found = null)
    {
        var violations = found ?? new Violations();
        violations.Require(asked.DisplayName is null or { Length: <= 63 }, "display_name", $"must have fewer than 64 characters, has {asked.DisplayName?.Length}");
        violations.Require(asked.Description is null or { Length: <= 999 }, "description", $"must have fewer than 1000 characters, has {asked.Description?.Length}");
        var type = Type(asked.AcceleratorType, inventory, violations);
        var count = asked.ReservedCount ?? 0;
        violations.Require(count >= 1, "reserved_count", asked.ReservedCount is null ? "is required" : $"must be at least 1, was {count}");
        var (start, end) = (asked.StartTime ?? now, asked.EndTime);
        violations.Require(end is null || end > start, "end_time", $"must be after the start, {start.UtcDateTime:O}, was {end?.UtcDateTime:O}");
        violations.Require(end is null || end > now, "end_time", $"must be in the future, was {end?.UtcDateTime:O}");
        var region = Where(asked.Region, type, inventory, violations);
        if (violations.Any) return violations.ToProblem();

        var pools = inventory.Pools.Where(pool => pool.Type == type && (region is null || pool.Region == region))
            .Select(pool => (Pool: pool, Left: pool.Count - ReservedCapacity.Most(others, pool.Region, pool.Type, start, end)))
            .OrderByDescending(candidate => candidate.Left).ThenBy(candidate => candidate.Pool.Region.Name, StringComparer.Ordinal).ToList();
        if (pools[0].Left >= count) return asked with { Region = pools[0].Pool.Region.Name, StartTime = start };
        return new Problem(
            Code.ResourceExhausted,
            $"{count} {type} cannot be reserved in {region?.Name ?? "any region"} for that time: of {pools[0].Pool}, {pools[0].Left} are not reserved; "
            + "reserve fewer, in another region, or at another time");
    }

    public static Reservation Read(Stored<ReservationName, ReservationResource, NoStatus> row) => Read(row.Name, row.Spec);

    public static Reservation Read(ReservationName name, ReservationResource spec) => new(
        name, AcceleratorType.Parse(spec.AcceleratorType!), Region.Parse(spec.Region!), spec.ReservedCount!.Value, spec.StartTime!.Value, spec.EndTime);

    private static AcceleratorType? Type(string? text, Inventory inventory, Violations violations)
    {
        if (!AcceleratorType.TryParse(text, null, out var type))
        {
            violations.Add("accelerator_type", string.IsNullOrEmpty(text) ? "is required" : $"must be one of {string.Join(", ", AcceleratorType.All)}");
        }
        else if (inventory.Pools.All(pool => pool.Type != type))
        {
            violations.Add("accelerator_type", $"{type} is in no region; there is {inventory}");
        }

        return type;
    }

    private static Region? Where(string? text, AcceleratorType? type, Inventory inventory, Violations violations)
    {
        if (text is null or "" or Region.Unspecified) return null;
        if (!Region.TryParse(text, null, out var region) || inventory.Pools.All(pool => pool.Region != region))
        {
            violations.Add("region", $"must be one of {inventory.RegionNames}, was '{(text.Length <= 63 ? text : text[..63])}'");
        }
        else if (type is not null && inventory.Find(region, type) is null && inventory.Pools.Any(pool => pool.Type == type))
        {
            violations.Add("region", $"{region} has no {type}; there is {inventory}");
        }

        return region;
    }
}
