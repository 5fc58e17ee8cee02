using Stoker.ControlPlane.Capacity;

namespace Stoker.Simulation.Fleet;

/// <summary>The platform's own placement, over an inventory of one region that holds so many replicas.</summary>
internal sealed class FleetCapacity(int replicas)
{
    private static readonly CapacityRequest One = new(PlacementRule.Global, AcceleratorType.Cpu, Count: 1);

    private readonly Inventory _inventory =
        new([new CapacityPool(Region.Local, AcceleratorType.Cpu, replicas, Cores: [], MemoryBytesPerSlot: 1L << 30)]);

    private readonly List<Allotment> _taken = [];

    public Allotment? TryTake()
    {
        if (Placement.TryPlace(_inventory, _taken, One) is not { } allotment) return null;
        _taken.Add(allotment);
        return allotment;
    }

    public void Free(Allotment allotment) => _taken.Remove(allotment);
}
