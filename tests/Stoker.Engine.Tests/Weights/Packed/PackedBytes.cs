using System.Buffers.Binary;
using Stoker.Engine.Weights.Packed;

namespace Stoker.Engine.Tests.Weights.Packed;

/// <summary>Packed files as bytes: what a broken or hostile writer could make of them.</summary>
internal static class PackedBytes
{
    public const int SourcesAt = 80;
    public const int DirectoryAt = 104;

    /// <summary>Where a section lies, by the place of its entry in the header.</summary>
    public static (int Offset, int Length) Section(byte[] file, int entry) => (
        (int)BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(entry)), (int)BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(entry + 8)));

    /// <summary>Makes checksums right again, of a section and of the header.</summary>
    public static void Sign(byte[] file, int entry = 0)
    {
        if (entry != 0)
        {
            var (offset, length) = Section(file, entry);
            BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(entry + 16), Checksum.Of(file.AsSpan(offset, length)));
        }

        file.AsSpan(12, 4).Clear();
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan(12), Checksum.Of(file.AsSpan(0, PackedFormat.HeaderBytes)));
    }

    /// <summary>Clears the fingerprint of the sources (times of writing), the machine class, and the checksums over them.</summary>
    public static void ClearWhatIsOfThePlace(byte[] file)
    {
        var (offset, length) = Section(file, SourcesAt);
        file.AsSpan(offset, length).Clear();
        file.AsSpan(SourcesAt + 16, 4).Clear();
        file.AsSpan(12, 4 + 32).Clear(); // the header's checksum, then the layout
    }

    /// <summary>Gives a file the sources of another, so that it seems to be made of them.</summary>
    public static void GraftSources(string from, string to)
    {
        var (source, target) = (File.ReadAllBytes(from), File.ReadAllBytes(to));
        var (offset, length) = Section(source, SourcesAt);
        var place = Section(target, SourcesAt);
        place.Length.ShouldBe(length);
        source.AsSpan(offset, length).CopyTo(target.AsSpan(place.Offset));
        Sign(target, SourcesAt);
        File.WriteAllBytes(to, target);
    }
}
