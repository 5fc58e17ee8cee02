using Stoker.Engine.Kernels;

namespace Stoker.Engine.Addons;

/// <summary>The products of a layer that an addon may change; fused matrices are one.</summary>
internal enum AddonPlace { Qkv, Output, GateUp, Down }

/// <summary>An addon in memory, ready for the kernels.</summary>
/// <param name="parts">By layer and place; null where the addon leaves a product alone.</param>
internal sealed class ResidentAddon(LowRank?[] parts)
{
    public const int Places = 4;

    public LowRank? At(int layer, AddonPlace place) => parts[(layer * Places) + (int)place];
}

/// <summary>Addons by the number that rows of a step name; a slot keeps its addon while a sequence uses it.</summary>
/// <remarks>
/// Written under the lock of the store, under which the loop pins a slot before its rows name it: what it reads
/// without the lock was there before and stays.
/// </remarks>
internal sealed class AddonSlots
{
    private readonly ResidentAddon?[] _addons;

    public AddonSlots(int count, int maxRank) => (_addons, MaxRank) = (new ResidentAddon?[count], maxRank);

    public int Count => _addons.Length;

    /// <summary>Of any module.</summary>
    public int MaxRank { get; }

    /// <summary>Ranks of one addon at one place at most: q, k and v.</summary>
    public int MaxWidth => 3 * MaxRank;

    public ResidentAddon At(int slot) => _addons[slot] ?? throw new InvalidOperationException($"addon slot {slot} is empty");

    public void Set(int slot, ResidentAddon? addon) => _addons[slot] = addon;
}
