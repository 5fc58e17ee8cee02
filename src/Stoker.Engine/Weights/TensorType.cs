namespace Stoker.Engine.Weights;

/// <summary>
/// The element types that a safetensors header may name. Only the three that <see cref="WeightMatrix"/> reads are
/// computed with.
/// </summary>
internal enum TensorType
{
    Bool, U8, I8, F8E4M3, F8E5M2, F8E4M3Fnuz, F8E5M2Fnuz, F8E8M0, F4, F6E2M3, F6E3M2,
    I16, U16, F16, BF16, I32, U32, F32, I64, U64, F64, C64,
}

/// <summary>Names and sizes of the element types, as the format spells them.</summary>
internal static class TensorTypes
{
    private static readonly Dictionary<string, (TensorType Type, int Bits)> ByName = new(StringComparer.Ordinal)
    {
        ["BOOL"] = (TensorType.Bool, 8),
        ["U8"] = (TensorType.U8, 8),
        ["I8"] = (TensorType.I8, 8),
        ["F8_E4M3"] = (TensorType.F8E4M3, 8),
        ["F8_E5M2"] = (TensorType.F8E5M2, 8),
        ["F8_E4M3FNUZ"] = (TensorType.F8E4M3Fnuz, 8),
        ["F8_E5M2FNUZ"] = (TensorType.F8E5M2Fnuz, 8),
        ["F8_E8M0"] = (TensorType.F8E8M0, 8),
        ["F4"] = (TensorType.F4, 4),
        ["F6_E2M3"] = (TensorType.F6E2M3, 6),
        ["F6_E3M2"] = (TensorType.F6E3M2, 6),
        ["I16"] = (TensorType.I16, 16),
        ["U16"] = (TensorType.U16, 16),
        ["F16"] = (TensorType.F16, 16),
        ["BF16"] = (TensorType.BF16, 16),
        ["I32"] = (TensorType.I32, 32),
        ["U32"] = (TensorType.U32, 32),
        ["F32"] = (TensorType.F32, 32),
        ["I64"] = (TensorType.I64, 64),
        ["U64"] = (TensorType.U64, 64),
        ["F64"] = (TensorType.F64, 64),
        ["C64"] = (TensorType.C64, 64),
    };

    private static readonly Dictionary<TensorType, (string Name, int Bits)> ByType =
        ByName.ToDictionary(entry => entry.Value.Type, entry => (entry.Key, entry.Value.Bits));

    public static bool TryParse(string name, out TensorType type)
    {
        var known = ByName.TryGetValue(name, out var entry);
        type = entry.Type;
        return known;
    }

    public static int Bits(this TensorType type) => ByType[type].Bits;

    /// <summary>The spelling in a header, for messages and descriptions.</summary>
    public static string HeaderName(this TensorType type) => ByType[type].Name;

    /// <summary>Types that the kernels widen to float32 in registers.</summary>
    public static bool IsComputable(this TensorType type) =>
        type is TensorType.F32 or TensorType.F16 or TensorType.BF16;
}
