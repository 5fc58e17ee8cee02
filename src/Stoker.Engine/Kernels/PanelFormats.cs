using System.Runtime.CompilerServices;

namespace Stoker.Engine.Kernels;

/// <summary>
/// How two columns of a panel become float32 in registers; a struct, so that each format gets its own compiled kernel.
/// </summary>
internal unsafe interface IPanelFormat
{
    /// <summary>Bytes of two columns of 32 rows.</summary>
    static abstract int PairBytes { get; }

    /// <summary>A vector of rows from <paramref name="row"/> on, of both columns.</summary>
    static abstract void Load<TLanes, TVector>(byte* pair, int row, out TVector even, out TVector odd)
        where TLanes : struct, ILanes<TVector> where TVector : struct;
}

internal readonly unsafe struct BFloat16Panel : IPanelFormat
{
    public static int PairBytes => 128;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Load<TLanes, TVector>(byte* pair, int row, out TVector even, out TVector odd)
        where TLanes : struct, ILanes<TVector> where TVector : struct =>
        TLanes.LoadBFloat16Pairs((uint*)pair + row, out even, out odd);
}

internal readonly unsafe struct HalfPanel : IPanelFormat
{
    public static int PairBytes => 128;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Load<TLanes, TVector>(byte* pair, int row, out TVector even, out TVector odd)
        where TLanes : struct, ILanes<TVector> where TVector : struct =>
        TLanes.LoadHalfPairs((uint*)pair + row, out even, out odd);
}

internal readonly unsafe struct SinglePanel : IPanelFormat
{
    public static int PairBytes => 256;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Load<TLanes, TVector>(byte* pair, int row, out TVector even, out TVector odd)
        where TLanes : struct, ILanes<TVector> where TVector : struct =>
        (even, odd) = (TLanes.Load((float*)pair + row), TLanes.Load((float*)pair + 32 + row));
}
