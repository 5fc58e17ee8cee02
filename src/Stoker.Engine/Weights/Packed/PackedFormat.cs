using System.Runtime.InteropServices;

namespace Stoker.Engine.Weights.Packed;

/// <summary>
/// The numbers of the packed model file; docs/packed-model.md describes it byte by byte.
/// </summary>
/// <remarks>
/// In this order: header page, sources, directory, description, vectors, tokenizer, panels. The file is written for one
/// machine class and one source; whatever does not fit exactly is packed anew, never converted.
/// </remarks>
internal static class PackedFormat
{
    /// <summary>
    /// Raised when any byte of a file would differ for the same source: format, panel layout, items or quantisers.
    /// </summary>
    public const uint Version = 2;

    public const int HeaderBytes = 4096;

    /// <summary>Sections and items start at multiples of it: a page of memory is of one item.</summary>
    public const int PageBytes = 4096;

    /// <summary>Huge pages of x86-64 and Arm: the panels start at one, so that the system may map them as such.</summary>
    public const long HugePageBytes = 2 << 20;

    /// <summary>Of each section that is read at open; the largest models have some 8 MB of vectors, 30 MB of
    /// tokenizer.</summary>
    public const long MaxSectionBytes = 1L << 30;

    public const int MaxItems = 1 << 20;

    public const string Extension = ".packed";

    /// <summary>The line feed shows a transfer that took the file for text.</summary>
    public static ReadOnlySpan<byte> Magic => "STKPACK\n"u8;

    /// <summary>Layout of the panels, byte order and processor class: what makes bytes of one machine wrong on another.</summary>
    public static string Layout { get; } =
        $"panel{PanelLayout.Rows}.{(BitConverter.IsLittleEndian ? "le" : "be")}.{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";

    public static long AlignUp(long value, long multiple) => checked(value + multiple - 1) / multiple * multiple;
}
