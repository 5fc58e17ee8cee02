using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Stoker.Engine.Native;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Kernels.Emitted;

/// <summary>The emitted tiles of this process: made once, some 80 kernels in under 64 KiB.</summary>
/// <remarks>
/// Calls leave the collector's bookkeeping out: a kernel runs for microseconds, allocates nothing and calls nothing back.
/// .NET has no intrinsics for the dot products of AVX512-BF16 and AVX512-VNNI, which do two and four times the work of a
/// float32 multiply-add in the same time.
/// </remarks>
internal sealed unsafe class TileCode
{
    private static readonly Lazy<TileCode?> Process = new(() => IsSupported ? TryCreate() : null);

    private readonly byte* _code;
    private static readonly Ahead[] Aheads = Enum.GetValues<Ahead>();

    private readonly int[] _bf16 = new int[Aheads.Length * KernelSet.TileTokens];
    private readonly int[] _int8 = new int[2 * KernelSet.TileTokens];
    private readonly int[] _fp8 = new int[Aheads.Length * KernelSet.TileTokens];
    private readonly int[] _fp4 = new int[2 * KernelSet.TileTokens];
    private readonly int _bf16FourPanels;
    private readonly int _fp8FourPanels;

    private TileCode(ExecutableMemory.Protect? protect)
    {
        var assembler = new Assembler();
        var emitter = new TileEmitter(assembler);
        for (var mr = 1; mr <= KernelSet.TileTokens; mr++)
        {
            foreach (var ahead in new[] { false, true })
            {
                var kernel = Index(mr, ahead);
                _int8[kernel] = emitter.Int8(mr, ahead);
                _fp4[kernel] = emitter.Fp4(mr, ahead);
            }

            foreach (var ahead in Aheads)
            {
                _bf16[Index(mr, ahead)] = emitter.Bf16(mr, ahead);
                _fp8[Index(mr, ahead)] = emitter.Fp8(mr, ahead);
            }
        }

        _bf16FourPanels = emitter.Bf16FourPanels();
        _fp8FourPanels = emitter.Fp8FourPanels();
        _code = ExecutableMemory.TryCreate(assembler.Finish(), protect);
    }

    /// <summary>Null where the CPU lacks the instructions or the system refuses executable memory.</summary>
    public static TileCode? Shared => Process.Value;

    /// <summary>
    /// The instructions, from CPUID; that the operating system keeps the registers is what the runtime has checked before
    /// it calls AVX-512 supported (and what its switches turn off).
    /// </summary>
    public static bool IsSupported
    {
        get
        {
            if (!OperatingSystem.IsLinux() || !X86Base.X64.IsSupported || !Vector512.IsHardwareAccelerated || !Avx512BW.VL.IsSupported)
            {
                return false;
            }

            var (_, _, features, _) = X86Base.CpuId(7, 0);
            var (more, _, _, _) = X86Base.CpuId(7, 1);
            const int Vbmi = 1 << 1, Vnni = 1 << 11, BFloat16 = 1 << 5;
            return (features & Vbmi) != 0 && (features & Vnni) != 0 && (more & BFloat16) != 0;
        }
    }

    /// <summary>On a CPU that is supported; null when the system refuses.</summary>
    internal static TileCode? TryCreate(ExecutableMemory.Protect? protect = null)
    {
        var code = new TileCode(protect);
        return code._code is null ? null : code;
    }

    /// <summary>Columns that a kernel counts as one step.</summary>
    public static int StepColumns(WeightFormat format) => format == WeightFormat.Bf16 ? 2 : 4;

    /// <summary>
    /// (weights, activations, outputs, steps, bytes from one token's outputs to the next, 0: start at zero); null for a format
    /// without one.
    /// </summary>
    /// <param name="ahead">What it fetches of the weights behind this block, which are the next ones' to be read; a part in Bf16 and Fp8 only.</param>
    public delegate* unmanaged[SuppressGCTransition]<byte*, byte*, float*, long, long, long, void> Tile(
        WeightFormat format, int mr, Ahead ahead = Ahead.Nothing)
    {
        var kernel = Index(mr, ahead == Ahead.All);
        return format switch
        {
            WeightFormat.Bf16 => Kernel(_bf16[Index(mr, ahead)]),
            WeightFormat.Int8 => Kernel(_int8[kernel]),
            WeightFormat.Fp8 => Kernel(_fp8[Index(mr, ahead)]),
            WeightFormat.Fp4 => Kernel(_fp4[kernel]),
            _ => null,
        };
    }

    // One token, TileEmitter.PanelsAtOnce panels: the fifth argument is the bytes from one panel to the next

    public delegate* unmanaged[SuppressGCTransition]<byte*, byte*, float*, long, long, long, void> Bf16FourPanels() => Kernel(_bf16FourPanels);

    public delegate* unmanaged[SuppressGCTransition]<byte*, byte*, float*, long, long, long, void> Fp8FourPanels() => Kernel(_fp8FourPanels);

    private static int Index(int mr, Ahead ahead) => (Aheads.Length * (mr - 1)) + (int)ahead;

    private static int Index(int mr, bool ahead) => (2 * (mr - 1)) + (ahead ? 1 : 0);

    private delegate* unmanaged[SuppressGCTransition]<byte*, byte*, float*, long, long, long, void> Kernel(int offset) =>
        (delegate* unmanaged[SuppressGCTransition]<byte*, byte*, float*, long, long, long, void>)(_code + offset);
}
