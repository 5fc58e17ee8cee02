using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Stoker.ControlPlane.Capacity;

/// <summary>What this machine gives to replicas. Section <c>Stoker:Capacity</c>.</summary>
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
}

internal sealed class CapacityOptionsValidator(Machine machine) : IValidateOptions<CapacityOptions>
{
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
            if (!Region.TryParse(region, null, out _)) faults.Add($"{CapacityOptions.Section}:Regions has the name '{region}'; a region is {Region.Rule}");
            if (count < 1) faults.Add($"{CapacityOptions.Section}:Regions:{region} is {count}, it must be at least 1");
        }

        var divided = options.Regions.Values.Sum(count => (long)count);
        if (options.Regions.Count > 0 && divided > InventorySource.SlotCount(options, machine))
        {
            faults.Add($"{CapacityOptions.Section}:Regions have {divided} slots together, there are {InventorySource.SlotCount(options, machine)}");
        }

        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }
}
