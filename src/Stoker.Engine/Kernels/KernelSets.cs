using System.Runtime.Intrinsics;
using Stoker.Engine.Kernels.Emitted;

namespace Stoker.Engine.Kernels;

/// <summary>The kernel sets by name, and the choice of one for this machine.</summary>
internal static class KernelSets
{
    private static readonly (string Name, Func<bool> Supported, Func<KernelSet> Create)[] Sets =
    [
        ("emitted", () => TileCode.Shared is not null, () => new EmittedKernels(TileCode.Shared!)),
        ("vector512", () => Vector512.IsHardwareAccelerated, () => new VectorKernels<Lanes512, Vector512<float>>("vector512")),
        ("vector256", () => Vector256.IsHardwareAccelerated, () => new VectorKernels<Lanes256, Vector256<float>>("vector256")),
        ("portable", () => true, () => new VectorKernels<Lanes128, Vector128<float>>("portable")),
        ("reference", () => true, () => new ReferenceKernels()),
    ];

    public static IEnumerable<string> Names => Sets.Select(set => set.Name);

    public static IEnumerable<string> SupportedNames => Sets.Where(set => set.Supported()).Select(set => set.Name);

    /// <param name="name">Null: the fastest set that the CPU supports.</param>
    /// <exception cref="ArgumentException">No such set, or the CPU lacks what it needs.</exception>
    public static KernelSet Choose(string? name = null)
    {
        foreach (var set in Sets)
        {
            if ((name is null || set.Name == name) && set.Supported())
            {
                return set.Create();
            }
        }

        throw new ArgumentException(
            Names.Contains(name)
                ? $"kernel set '{name}' needs what this CPU lacks or this system refuses; supported here: {string.Join(", ", SupportedNames)}"
                : $"kernel set '{name}' does not exist; supported here: {string.Join(", ", SupportedNames)}",
            nameof(name));
    }
}
