using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Stoker.ControlPlane.Capacity;

/// <summary>What there is for replicas. Section <c>Stoker:Capacity</c>.</summary>
public sealed class CapacityOptions
{
    public const string Section = "Stoker:Capacity";

    /// <summary>
    /// Each replica gets cores of its own. False lets replicas share the cores, so that there may be more slots than
    /// cores.
    /// </summary>
    public bool Pinned { get; set; } = true;

    /// <summary>Accelerators of type CPU. Absent: one per core, or four per core when not pinned.</summary>
    [Range(1, 4096)]
    public int? Slots { get; set; }

    /// <summary>
    /// Memory for all replicas together, in bytes. Absent: four fifths of what the machine or its container has.
    /// </summary>
    [Range(1L << 20, long.MaxValue)]
    public long? MemoryBytes { get; set; }

    /// <summary>The slots divided over regions, by name; for trying placement out. Absent: all in LOCAL.</summary>
    public IDictionary<string, int> Regions { get; } = new Dictionary<string, int>();

    /// <summary>
    /// Accelerators that are not there, for trying things out: region, type, count. Shown as emulated wherever they
    /// show.
    /// </summary>
    public IDictionary<string, Dictionary<string, int>> Emulated { get; } = new Dictionary<string, Dictionary<string, int>>();

    /// <summary>
    /// What serves in their place: <c>simulated</c> replicas, which need no weights and answer nonsense at a set speed, or
    /// <c>stoker</c>, our engine on this machine's CPU.
    /// </summary>
    [Required, AllowedValues("simulated", "stoker", ErrorMessage = "Stoker:Capacity:EmulatedEngine must be simulated or stoker")]
    public string EmulatedEngine { get; set; } = Inventory.Simulated;

    /// <summary>From start to ready, of a simulated replica on emulated accelerators.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "1.00:00:00")]
    public TimeSpan EmulatedBoot { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// Tokens a second of one sequence, of a simulated replica on one emulated accelerator; more accelerators make it faster,
    /// less than in proportion.
    /// </summary>
    [Range(0.001, 100_000.0)]
    public double EmulatedTokensPerSecond { get; set; } = 50;

    /// <summary>What a deployment gets that names no accelerator type. Absent: the inventory's first, which is CPU.</summary>
    public string? DefaultType { get; set; }

    /// <summary>
    /// Accelerators of each type that an account may hold unless its own quota says otherwise. Absent: as many as there
    /// are.
    /// </summary>
    [Range(0, 1_000_000)]
    public int? QuotaPerType { get; set; }

    /// <summary>
    /// Others may use what is reserved and not in use; they give it back by drain when its account wants it.
    /// </summary>
    public bool BorrowReserved { get; set; }
}

internal sealed class CapacityOptionsValidator(Machine machine) : IValidateOptions<CapacityOptions>
{
    private const int MostOfAPool = 100_000;

    public ValidateOptionsResult Validate(string? name, CapacityOptions options)
    {
        var faults = new List<string>();
        var results = new List<ValidationResult>();
        Validator.TryValidateObject(options, new(options), results, validateAllProperties: true);
        faults.AddRange(results.Select(result => $"{CapacityOptions.Section}: {result.ErrorMessage}"));
        if (options.Pinned && options.Slots > machine.Cores.Count)
        {
            faults.Add($"{CapacityOptions.Section}:Slots is {options.Slots}, and pinned replicas have {machine.Cores.Count} cores: "
                + $"lower it, or set {CapacityOptions.Section}:Pinned to false");
        }

        foreach (var (region, count) in options.Regions)
        {
            CheckRegion("Regions", region, faults);
            if (count < 1) faults.Add($"{CapacityOptions.Section}:Regions:{region} is {count}, it must be at least 1");
        }

        var divided = options.Regions.Values.Sum(count => (long)count);
        if (options.Regions.Count > 0 && divided > InventorySource.SlotCount(options, machine))
        {
            faults.Add($"{CapacityOptions.Section}:Regions have {divided} slots together, there are {InventorySource.SlotCount(options, machine)}");
        }

        CheckEmulated(options, faults);
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    private static void CheckEmulated(CapacityOptions options, List<string> faults)
    {
        foreach (var (region, types) in options.Emulated)
        {
            CheckRegion("Emulated", region, faults);
            if (types.Count == 0) faults.Add($"{CapacityOptions.Section}:Emulated:{region} has no types: give it some, such as {AcceleratorType.H100}, or leave it out");
            foreach (var (type, count) in types)
            {
                var setting = $"{CapacityOptions.Section}:Emulated:{region}:{type}";
                if (type == AcceleratorType.Cpu.Name) faults.Add($"{setting}: CPU is what this machine really has; set {CapacityOptions.Section}:Slots or :Regions");
                else if (!AcceleratorType.TryParse(type, null, out _)) faults.Add($"{setting}: the type must be one of {string.Join(", ", AcceleratorType.All.Skip(1))}");
                if (count is < 1 or > MostOfAPool) faults.Add($"{setting} is {count}, it must be from 1 to {MostOfAPool}");
            }
        }

        var known = options.Emulated.Values.SelectMany(types => types.Keys).Prepend(AcceleratorType.Cpu.Name);
        if (options.DefaultType is { Length: > 0 } wanted && !known.Contains(wanted))
        {
            faults.Add($"{CapacityOptions.Section}:DefaultType is {wanted}, which no region has");
        }
    }

    private static void CheckRegion(string setting, string region, List<string> faults)
    {
        if (!Region.TryParse(region, null, out _) || region == Region.Unspecified || Enum.TryParse<MultiRegion>(region, ignoreCase: true, out _))
        {
            faults.Add($"{CapacityOptions.Section}:{setting} has the name '{region}'; a region is {Region.Rule}, and no name of a group");
        }
    }
}
