namespace Stoker.Benchmarks.Gguf;

/// <summary>Element types of GGUF tensors, with the numbers that the format gives them.</summary>
internal enum GgufType : uint
{
    F32 = 0,
    Q40 = 2,
    Q80 = 8,
    Q6K = 14,
    Bf16 = 30,
}

internal static class GgufTypes
{
    /// <summary>Elements and bytes of one block; a row is whole blocks.</summary>
    public static (int Elements, int Bytes) Block(this GgufType type) => type switch
    {
        GgufType.F32 => (1, 4),
        GgufType.Bf16 => (1, 2),
        GgufType.Q80 => (32, 34),
        GgufType.Q40 => (32, 18),
        GgufType.Q6K => (256, 210),
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "not written here"),
    };

    /// <summary>general.file_type of a file whose matrices are mostly of this type.</summary>
    public static uint FileType(this GgufType type) => type switch
    {
        GgufType.F32 => 0,
        GgufType.Q40 => 2,
        GgufType.Q80 => 7,
        GgufType.Q6K => 18,
        GgufType.Bf16 => 32,
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "not written here"),
    };

    public static long SizeBytes(this GgufType type, long elements)
    {
        var (perBlock, bytes) = type.Block();
        ArgumentOutOfRangeException.ThrowIfNotEqual(elements % perBlock, 0);
        return elements / perBlock * bytes;
    }

    /// <summary>Spelled as in file names.</summary>
    /// <exception cref="UsageException">Not a type that whole files are written in.</exception>
    public static GgufType Parse(string text) => text switch
    {
        "f32" => GgufType.F32,
        "bf16" => GgufType.Bf16,
        "q8_0" => GgufType.Q80,
        "q4_0" => GgufType.Q40,
        _ => throw new UsageException($"The type must be f32, bf16, q8_0 or q4_0, was '{text}'."),
    };
}
