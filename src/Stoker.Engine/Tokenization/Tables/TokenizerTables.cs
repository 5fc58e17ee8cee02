using Stoker.Engine.Native;

namespace Stoker.Engine.Tokenization.Tables;

/// <summary>
/// A whole tokenizer as flat arrays. Reading tokenizer.json fills them in memory; the packed model file holds them
/// ready, and opening those is a look at the checksum and at the extents, with nothing done per token.
/// </summary>
internal sealed class TokenizerTables
{
    private readonly FlatBytes[] _parts;

    private TokenizerTables(FlatBytes[] parts) => _parts = parts;

    public ModelRecord Model => Items<ModelRecord>(TablePart.Model)[0];

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

    public FlatBytes Bytes(TablePart part) => _parts[(int)part];

    public FlatInts Ints(TablePart part) => new(_parts[(int)part]);

    public FlatArray<T> Items<T>(TablePart part)
        where T : unmanaged => new(_parts[(int)part]);

    /// <summary>Puts tables together; parts that are not set are empty.</summary>
    internal sealed class Builder
    {
        private readonly FlatBytes[] _parts = new FlatBytes[TablesFormat.PartCount];

        public void Set(TablePart part, FlatBytes items) => _parts[(int)part] = items;

        public TokenizerTables Build() => new(_parts);
    }
}
