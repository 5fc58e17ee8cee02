namespace Stoker.ControlPlane.Capacity;

/// <summary>Groups of regions that a deployment may be bound to.</summary>
public enum MultiRegion
{
    Global,
    Us,
    Europe,
    Apac,
}

/// <summary>
/// Where a deployment may run: one region, a group of regions, or a list of regions. Fixed at creation.
/// </summary>
public sealed record PlacementRule
{
    private PlacementRule(MultiRegion? group, IReadOnlyList<Region> regions) => (Group, Regions) = (group, regions);

    /// <summary>Anywhere: the default.</summary>
    public static PlacementRule Global { get; } = new(MultiRegion.Global, []);

    public MultiRegion? Group { get; }

    /// <summary>The regions by name, where there is no group.</summary>
    public IReadOnlyList<Region> Regions { get; }

    public static PlacementRule In(MultiRegion group) => new(group, []);

    public static PlacementRule In(params IReadOnlyList<Region> regions) => new(null, regions);

    public bool Allows(Region region) => Group switch
    {
        null => Regions.Contains(region),
        MultiRegion.Global => true,
        MultiRegion.Us => HasPrefix(region, "US_"),
        MultiRegion.Europe => HasPrefix(region, "EU_"),
        _ => HasPrefix(region, "AP_"),
    };

    public bool Equals(PlacementRule? other) =>
        other is not null && Group == other.Group && Regions.SequenceEqual(other.Regions);

    public override int GetHashCode() => HashCode.Combine(Group, Regions.Count);

    public override string ToString() => Group?.ToString().ToUpperInvariant() ?? string.Join(", ", Regions);

    private static bool HasPrefix(Region region, string prefix) =>
        region.Name.StartsWith(prefix, StringComparison.Ordinal);
}
