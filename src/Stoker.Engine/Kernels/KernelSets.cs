using System.Runtime.Intrinsics;
using Stoker.Engine.Kernels.Emitted;

namespace Stoker.Engine.Kernels;

/// <summary>The kernel sets by name, and the choice of one for this machine.</summary>
internal static class KernelSets
{
    private static readonly (string Name, Func<TileCode?, bool> Supported, Func<TileCode?, KernelSet> Create)[] Sets =
    [
        ("emitted", tiles => tiles is not null, tiles => new EmittedKernels(tiles!)),
        ("vector512", _ => Vector512.IsHardwareAccelerated, _ => new VectorKernels<Lanes512, Vector512<float>>("vector512")),
        ("vector256", _ => Vector256.IsHardwareAccelerated, _ => new VectorKernels<Lanes256, Vector256<float>>("vector256")),
        ("portable", _ => true, _ => new VectorKernels<Lanes128, Vector128<float>>("portable")),
        ("reference", _ => true, _ => new ReferenceKernels()),
    ];

    public static IEnumerable<string> Names => Sets.Select(set => set.Name);

    public static IEnumerable<string> SupportedNames => Sets.Where(set => set.Supported(TileCode.Shared)).Select(set => set.Name);

    /// <param name="name">Null: the fastest set that the CPU supports.</param>
    /// <exception cref="ArgumentException">No such set, or the CPU lacks what it needs.</exception>
    public static KernelSet Choose(string? name = null) => Choose(name, name is null or "emitted" ? TileCode.Shared : null);

    /// <param name="tiles">Null: this system gives no emitted code.</param>
    internal static KernelSet Choose(string? name, TileCode? tiles)
    {
        foreach (var set in Sets)
        {
            if ((name is null || set.Name == name) && set.Supported(tiles))
            {
                return set.Create(tiles);
            }
        }

        throw new ArgumentException(
            Names.Contains(name)
                ? $"kernel set '{name}' needs what this CPU lacks or this system refuses; supported here: {string.Join(", ", SupportedNames)}"
                : $"kernel set '{name}' does not exist; supported here: {string.Join(", ", SupportedNames)}",
            nameof(name));
    }
}
