using System.Diagnostics.CodeAnalysis;

namespace Stoker.ControlPlane.Capacity;

/// <summary>
/// A kind of accelerator by its wire name. One CPU accelerator is one core with its share of the memory.
/// </summary>
public sealed record AcceleratorType : IParsable<AcceleratorType>
{
    public const string Unspecified = "ACCELERATOR_TYPE_UNSPECIFIED";

    private AcceleratorType(string name) => Name = name;

    public string Name { get; }

    public static AcceleratorType Cpu { get; } = new("CPU");

    public static AcceleratorType H100 { get; } = new("NVIDIA_H100_80GB");

    public static AcceleratorType Mi300X { get; } = new("AMD_MI300X_192GB");

    /// <summary>The hosted platform's types, and our own CPU.</summary>
    public static IReadOnlyList<AcceleratorType> All { get; } =
    [
        Cpu, new("NVIDIA_A100_80GB"), H100, Mi300X, new("NVIDIA_A10G_24GB"), new("NVIDIA_A100_40GB"), new("NVIDIA_L4_24GB"),
        new("NVIDIA_H200_141GB"), new("NVIDIA_B200_180GB"), new("AMD_MI325X_256GB"), new("AMD_MI350X_288GB"),
        new("NVIDIA_B300_288GB"), new("NVIDIA_GB200"), new("NVIDIA_GB300"),
    ];

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
