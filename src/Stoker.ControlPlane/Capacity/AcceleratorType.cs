using System.Diagnostics.CodeAnalysis;

namespace Stoker.ControlPlane.Capacity;

/// <summary>
/// A kind of accelerator by its wire name. One CPU accelerator is one core with its share of the memory.
/// </summary>
public sealed record AcceleratorType : IParsable<AcceleratorType>
{
    public const string Unspecified = "ACCELERATOR_TYPE_UNSPECIFIED";

    private const long Gigabyte = 1_000_000_000;

    private AcceleratorType(string name, string quota, long gigabytes) =>
        (Name, QuotaId, MemoryBytes) = (name, $"global--{quota}-count", gigabytes * Gigabyte);

    public string Name { get; }

    /// <summary>The identifier of its quota, such as <c>global--h100-count</c>.</summary>
    public string QuotaId { get; }

    /// <summary>The memory of one, in bytes; 0 for CPU, whose share of memory the inventory says.</summary>
    public long MemoryBytes { get; }

    public static AcceleratorType Cpu { get; } = new("CPU", "cpu", 0);

    public static AcceleratorType A100 { get; } = new("NVIDIA_A100_80GB", "a100", 80);

    public static AcceleratorType H100 { get; } = new("NVIDIA_H100_80GB", "h100", 80);

    public static AcceleratorType Mi300X { get; } = new("AMD_MI300X_192GB", "mi300x", 192);

    /// <summary>The hosted platform's types, and our own CPU.</summary>
    public static IReadOnlyList<AcceleratorType> All { get; } =
    [
        Cpu, A100, H100, Mi300X, new("NVIDIA_A10G_24GB", "a10g", 24), new("NVIDIA_A100_40GB", "a100-40gb", 40), new("NVIDIA_L4_24GB", "l4", 24),
        new("NVIDIA_H200_141GB", "h200", 141), new("NVIDIA_B200_180GB", "b200", 180), new("AMD_MI325X_256GB", "mi325x", 256),
        new("AMD_MI350X_288GB", "mi350x", 288), new("NVIDIA_B300_288GB", "b300", 288), new("NVIDIA_GB200", "gb200", 186),
        new("NVIDIA_GB300", "gb300", 279),
    ];

    /// <summary>The type that a quota is about; null when no type has it.</summary>
    public static AcceleratorType? OfQuota(string quotaId) => All.FirstOrDefault(known => known.QuotaId == quotaId);

    public static bool TryParse([NotNullWhen(true)] string? text, IFormatProvider? provider, [NotNullWhen(true)] out AcceleratorType? result)
    {
        result = All.FirstOrDefault(known => known.Name == text);
        return result is not null;
    }

    public static AcceleratorType Parse(string text, IFormatProvider? provider = null) => TryParse(text, provider, out var type)
        ? type
        : throw new FormatException($"An accelerator type is one of {string.Join(", ", All)}");

    public override string ToString() => Name;
}
