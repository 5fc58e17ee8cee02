using Stoker.Engine.Native;

namespace Stoker.Engine.Tokenization.Tables;

/// <summary>
/// A whole tokenizer as flat arrays. Reading tokenizer.json fills them in memory; the packed model file holds them
/// ready, and opening those is a look at the checksum and at the extents, with nothing done per token.
/// </summary>
internal sealed class TokenizerTables
{
    private readonly FlatArray<byte>[] _parts;

    private TokenizerTables(FlatArray<byte>[] parts) => _parts = parts;

    public ModelRecord Model => Get<ModelRecord>(TablePart.Model)[0];

    /// <summary>Bytes that <see cref="Write"/> writes.</summary>
    public static int SizeOf(Tokenizer tokenizer) => TablesFormat.SizeOf(tokenizer.Tables._parts);

    /// <summary>Writes a tokenizer so that <see cref="Tokenizer.FromTables"/> opens it; the same file gives the same
    /// bytes.</summary>
    public static void Write(Tokenizer tokenizer, Stream target)
    {
        TablesFormat.Write(tokenizer.Tables._parts, target);
        GC.KeepAlive(tokenizer);
    }

    /// <exception cref="ModelLoadException">The section is of another version, cut, or damaged.</exception>
    public static TokenizerTables Open(FixedMemory section)
    {
        var tables = new TokenizerTables(TablesFormat.Read(section));
        TablesCheck.Check(tables);
        return tables;
    }

    public FlatArray<T> Get<T>(TablePart part)
        where T : unmanaged => _parts[(int)part].As<T>();

    /// <summary>Bytes of a part; what is not a whole item at its end shows only here.</summary>
    public int SizeBytes(TablePart part) => _parts[(int)part].Length;

    /// <summary>Puts tables together; parts that are not set are empty.</summary>
    internal sealed class Builder
    {
        private readonly FlatArray<byte>[] _parts = new FlatArray<byte>[TablesFormat.PartCount];

        public void Set<T>(TablePart part, FlatArray<T> items)
            where T : unmanaged => _parts[(int)part] = items.As<byte>();

        public TokenizerTables Build() => new(_parts);
    }
}
