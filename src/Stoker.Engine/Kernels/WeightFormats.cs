using System.Runtime.CompilerServices;

namespace Stoker.Engine.Kernels;

/// <summary>
/// How a stored weight becomes float32 in a register; a struct, so that each format gets its own compiled kernel.
/// </summary>
internal unsafe interface IWeightFormat
{
    static abstract int Bytes { get; }

    static abstract TVector Load<TLanes, TVector>(byte* source) where TLanes : struct, ILanes<TVector> where TVector : struct;

    static abstract float LoadOne(byte* source);
}

internal readonly unsafe struct BFloat16Format : IWeightFormat
{
    public static int Bytes => sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TLanes, TVector>(byte* source) where TLanes : struct, ILanes<TVector> where TVector : struct =>
        TLanes.LoadBFloat16((ushort*)source);

    public static float LoadOne(byte* source) =>
        BitConverter.UInt32BitsToSingle((uint)Unsafe.ReadUnaligned<ushort>(source) << 16);
}

internal readonly unsafe struct HalfFormat : IWeightFormat
{
    public static int Bytes => sizeof(ushort);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TLanes, TVector>(byte* source) where TLanes : struct, ILanes<TVector> where TVector : struct =>
        TLanes.LoadHalf((ushort*)source);

    public static float LoadOne(byte* source) => (float)Unsafe.ReadUnaligned<Half>(source);
}

internal readonly unsafe struct SingleFormat : IWeightFormat
{
    public static int Bytes => sizeof(float);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TLanes, TVector>(byte* source) where TLanes : struct, ILanes<TVector> where TVector : struct =>
        TLanes.Load((float*)source);

    public static float LoadOne(byte* source) => Unsafe.ReadUnaligned<float>(source);
}
