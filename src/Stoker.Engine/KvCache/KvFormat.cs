using Stoker.Engine.Weights;

namespace Stoker.Engine.KvCache;

/// <summary>What the elements of a <see cref="KvStore"/> are.</summary>
internal enum KvFormat : byte
{
    F32 = 1, Bf16 = 2, Fp8 = 3,
}

internal static class KvFormats
{
    /// <exception cref="ArgumentException">Not a value of the enumeration.</exception>
    public static KvFormat Of(KvPrecision precision) => precision switch
    {
        KvPrecision.F32 => KvFormat.F32,
        KvPrecision.Auto or KvPrecision.Bf16 => KvFormat.Bf16,
        KvPrecision.Fp8 => KvFormat.Fp8,
        _ => throw new ArgumentException($"there is no KV precision {precision}", nameof(precision)),
    };

    public static string NameOf(KvFormat format) => format switch
    {
        KvFormat.F32 => "f32",
        KvFormat.Bf16 => "bf16",
        _ => "fp8",
    };

    public static int ElementBytes(this KvFormat format) => format switch
    {
        KvFormat.F32 => sizeof(float),
        KvFormat.Bf16 => sizeof(ushort),
        _ => sizeof(byte),
    };

    /// <summary>The weight format whose panels the matrix tiles read; fp8 is decoded to it first.</summary>
    public static WeightFormat PanelFormat(this KvFormat format) =>
        format == KvFormat.F32 ? WeightFormat.F32 : WeightFormat.Bf16;
}
