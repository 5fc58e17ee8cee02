using System.Diagnostics.CodeAnalysis;

namespace Stoker.Engine;

/// <summary>The spellings of <see cref="Precision"/> in options, flags and file names.</summary>
public static class PrecisionNames
{
    private static readonly (Precision Precision, string Name)[] Names =
    [
        (Precision.Auto, "auto"), (Precision.F32, "f32"), (Precision.Bf16, "bf16"),
        (Precision.Int8, "int8"), (Precision.Fp8, "fp8"), (Precision.Fp4, "fp4"),
    ];

    public static IReadOnlyList<string> All { get; } = [.. Names.Select(entry => entry.Name)];

    public static string NameOf(Precision precision) => Array.Find(Names, entry => entry.Precision == precision).Name;

    public static bool TryParse([NotNullWhen(true)] string? name, out Precision precision)
    {
        var entry = Array.Find(Names, entry => entry.Name == name);
        precision = entry.Precision;
        return entry.Name is not null;
    }
}
