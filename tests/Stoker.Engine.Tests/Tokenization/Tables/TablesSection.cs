using Stoker.Engine.Native;
using Stoker.Engine.Tokenization;
using Stoker.Engine.Tokenization.Tables;

namespace Stoker.Engine.Tests.Tokenization.Tables;

/// <summary>Tokenizer tables as bytes that a test may change.</summary>
internal static class TablesSection
{
    public const int HeaderBytes = 64;
    private const int ChecksumAt = 48;

    public static byte[] Of(Tokenizer tokenizer)
    {
        using var target = new MemoryStream();
        TokenizerTables.Write(tokenizer, target);
        return target.ToArray();
    }

    public static Tokenizer Open(ReadOnlySpan<byte> section)
    {
        var memory = FixedMemory.Allocate(section.Length);
        section.CopyTo(memory.GetSpan());
        return Tokenizer.FromTables(memory);
    }

    /// <summary>The tokenizer as it comes back from its tables.</summary>
    public static Tokenizer Reopen(Tokenizer tokenizer) => Open(Of(tokenizer));

    /// <summary>Makes the checksum right again, as a forger would.</summary>
    public static void Sign(Span<byte> section)
    {
        var checksum = new SectionChecksum();
        checksum.Add(section[HeaderBytes..]);
        checksum.Write(section[ChecksumAt..]);
    }

    /// <summary>Where a part lies, as the directory says.</summary>
    public static Range PartOf(ReadOnlySpan<byte> section, TablePart part)
    {
        var entry = section.Slice(HeaderBytes + ((int)part * 8), 8);
        var (offset, length) = (BitConverter.ToInt32(entry), BitConverter.ToInt32(entry[4..]));
        return offset..(offset + length);
    }
}
