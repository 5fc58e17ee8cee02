using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Stoker.Engine.Kernels;
using Stoker.Engine.Models;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Addons;

/// <summary>Lays an addon's weights out for the kernels, in bf16, one module after the other: see <see cref="LowRankLayout"/>.</summary>
internal sealed unsafe class AddonPacker
{
    private const int Alignment = 64;

    private readonly Group?[] _groups; // by layer and place
    private byte* _target;

    /// <param name="layers">Of the base model.</param>
    /// <param name="target">On a cache line, <see cref="SizeOf(IReadOnlyList{AddonModule})"/> bytes.</param>
    public AddonPacker(int layers, byte* target)
    {
        _groups = new Group?[layers * ResidentAddon.Places];
        _target = target;
    }

    /// <summary>Bytes that an addon takes in the pool.</summary>
    public static long SizeOf(IReadOnlyList<AddonModule> modules) => modules.Sum(SizeOf);

    /// <summary>Bytes of an addon that changes every projection with one rank.</summary>
    public static long LargestOf(DecoderSpec spec, int rank)
    {
        var places = new AddonPlaces(spec);
        return places.Paths().Select(path => places.Find(path)!).Sum(
            site => SizeOfA(rank, site.Inputs) + site.Targets.Sum(range => SizeOfB(rank, range)));
    }

    /// <summary>The same for each rank, exact for multiples of 16, whose parts need no filling up to a cache line.</summary>
    public static long BytesPerRank(DecoderSpec spec) => LargestOf(spec, 16) / 16;

    /// <param name="module">With its numbers, which are not looked at again.</param>
    public void Add(AddonModule module)
    {
        var group = _groups[(module.Layer * ResidentAddon.Places) + (int)module.Place] ??= new();
        group.Shrinks.Add(new((nint)_target, module.Rank, group.Width, module.Scale));
        PackA(module.A, (ushort*)_target);
        _target += SizeOfA(module.Rank, module.A.Columns);
        foreach (var range in module.Targets)
        {
            group.Expands.Add(new((nint)_target, module.Rank, group.Width, range.FirstPanel, range.PanelCount, range.Second));
            PackB(module.B, range, (ushort*)_target);
            _target += SizeOfB(module.Rank, range);
        }

        group.Width += module.Rank;
    }

    public ResidentAddon Finish() => new(Array.ConvertAll(_groups, group => group is null ? null : new LowRank([.. group.Shrinks], [.. group.Expands])));

    private static long SizeOf(AddonModule module) =>
        SizeOfA(module.Rank, module.A.Columns) + module.Targets.Sum(range => SizeOfB(module.Rank, range));

    private static long SizeOfA(int rank, int columns) => Aligned((long)rank * LowRankLayout.Padded(columns) * sizeof(ushort));

    private static long SizeOfB(int rank, AddonTarget range) => Aligned((long)range.PanelCount * PanelLayout.Rows * rank * sizeof(ushort));

    private static long Aligned(long bytes) => (bytes + Alignment - 1) / Alignment * Alignment;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackA(WeightMatrix a, ushort* target)
    {
        var padded = LowRankLayout.Padded(a.Columns);
        var row = new ushort[padded]; // zeros behind the columns
        for (var r = 0; r < a.Rows; r++, target += padded)
        {
            Round(a, r, row.AsSpan(0, a.Columns));
            for (var chunk = 0; chunk < padded; chunk += LowRankLayout.Chunk)
            {
                Interleave(row.AsSpan(chunk, LowRankLayout.Chunk), target + chunk);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void PackB(WeightMatrix b, AddonTarget range, ushort* target)
    {
        var rank = b.Columns;
        new Span<ushort>(target, checked(range.PanelCount * PanelLayout.Rows * rank)).Clear();
        var row = new ushort[rank];
        for (var i = 0; i < range.Rows; i++)
        {
            Round(b, range.FirstRow + i, row);
            var output = range.FirstOutput + i - (range.FirstPanel * PanelLayout.Rows);
            var place = target + ((long)(output / PanelLayout.Rows) * rank * PanelLayout.Rows) + LowRankLayout.Place(output % PanelLayout.Rows);
            for (var r = 0; r < rank; r++, place += PanelLayout.Rows)
            {
                *place = row[r];
            }
        }
    }

    /// <summary>One row in bf16: its own bits, or rounded to the nearest.</summary>
    private static void Round(WeightMatrix matrix, int row, Span<ushort> target)
    {
        var bytes = matrix.Data + ((long)row * matrix.Columns * matrix.BytesPerElement);
        switch (matrix.Type)
        {
            case TensorType.BF16:
                new ReadOnlySpan<byte>(bytes, target.Length * sizeof(ushort)).CopyTo(MemoryMarshal.AsBytes(target));
                break;
            case TensorType.F16:
                for (var k = 0; k < target.Length; k++) target[k] = BFloat16.FromSingle((float)Unsafe.ReadUnaligned<Half>(bytes + (2L * k)));
                break;
            default:
                for (var k = 0; k < target.Length; k++) target[k] = BFloat16.FromSingle(Unsafe.ReadUnaligned<float>(bytes + (4L * k)));
                break;
        }
    }

    /// <summary>Pair i: the values i and i + 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Interleave(ReadOnlySpan<ushort> chunk, ushort* target)
    {
        var (low, high) = (Vector256.Create(chunk), Vector256.Create(chunk[16..]));
        (Vector256.WidenLower(low) | (Vector256.WidenLower(high) << 16)).Store((uint*)target);
        (Vector256.WidenUpper(low) | (Vector256.WidenUpper(high) << 16)).Store((uint*)target + 8);
    }

    /// <summary>Modules of one place; their ranks stand side by side.</summary>
    private sealed class Group
    {
        public List<ShrinkPart> Shrinks { get; } = [];

        public List<ExpandPart> Expands { get; } = [];

        public int Width { get; set; }
    }
}
