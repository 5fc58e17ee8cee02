using System.Text.Json;
using Stoker.Engine.Native;
using Stoker.Engine.Tokenization.AddedTokens;
using Stoker.Engine.Tokenization.Bpe;
using Stoker.Engine.Tokenization.Splitting;
using Stoker.Engine.Tokenization.Tables;

namespace Stoker.Engine.Tokenization.Loading;

/// <summary>Puts a tokenizer together around its tables; nothing is done per token.</summary>
internal static class TokenizerBuilder
{
    /// <exception cref="ModelLoadException">The file is broken or uses what is not supported.</exception>
    public static TokenizerParts Build(TokenizerFile file)
    {
        try
        {
            return Build(TablesBuilder.Build(file));
        }
        catch (TokenizationException error)
        {
            // The file's own tokens go through its patterns and decoder, which may be made to run away.
            throw new ModelLoadException(TokenizerFile.Name, null, error.Message, error);
        }
    }

    /// <exception cref="ModelLoadException">The section is of another version, cut, or damaged.</exception>
    public static TokenizerParts Build(FixedMemory section)
    {
        try
        {
            return Build(TokenizerTables.Open(section));
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException
            || (error is ModelLoadException { File: TokenizerFile.Name }))
        {
            // No damage comes as far as here: somebody put rules under a right checksum that we would not write.
            throw new ModelLoadException(TablesFormat.Name, nameof(TablePart.Rules), error.Message, error);
        }
    }

    private static TokenizerParts Build(TokenizerTables tables)
    {
        var rules = TextRules.Read(tables.Bytes(TablePart.Rules).Span);
        var (key, flags) = (tables.Model.HashKey, tables.Items<TokenFlags>(TablePart.Flags));
        var texts = new TokenTable(Strings(tables, TablePart.TextOffsets, TablePart.TextBytes), tables.Ints(TablePart.TextSlots), flags, key);
        return new TokenizerParts
        {
            Tables = tables,
            Texts = texts,
            Values = Strings(tables, TablePart.ValueOffsets, TablePart.ValueBytes),
            Raw = new AddedTokenMatcher(tables.Items<AddedTokenEntry>(TablePart.RawTokens), tables.Bytes(TablePart.RawTokenBytes)),
            Normalized = new AddedTokenMatcher(tables.Items<AddedTokenEntry>(TablePart.NormalizedTokens), tables.Bytes(TablePart.NormalizedTokenBytes)),
            Normalizers = rules.Normalizers,
            Steps = rules.Splitting.Build(new ModelStep(BuildModel(tables, texts))),
            States = new EncodeStatePool(rules.Splitting.TransformingSteps),
            Rules = rules.Decoder,
            Before = tables.Ints(TablePart.Before).Span.ToArray(),
            After = tables.Ints(TablePart.After).Span.ToArray(),
        };
    }

    private static BpeModel BuildModel(TokenizerTables tables, TokenTable texts)
    {
        var (model, byteIds) = (tables.Model, tables.Ints(TablePart.ByteIds));
        var (bytes, fuse) = (model.Options.HasFlag(ModelOptions.Bytes), model.Options.HasFlag(ModelOptions.FuseUnknown));
        Symbols symbols = bytes
            ? new ByteSymbols(byteIds, model.UnknownId, fuse)
            : new CharacterSymbols(texts, byteIds, model.UnknownId, fuse);
        var pieces = bytes
            ? new TokenTable(Strings(tables, TablePart.PieceOffsets, TablePart.PieceBytes), tables.Ints(TablePart.PieceSlots), texts.Flags, texts.Key)
            : texts;
        return new BpeModel(
            texts.Key,
            model.Options.HasFlag(ModelOptions.IgnoreMerges) ? pieces : null,
            symbols,
            new MergeTable(tables.Items<MergeEntry>(TablePart.Merges), texts.Key));
    }

    private static TokenStrings Strings(TokenizerTables tables, TablePart offsets, TablePart bytes) =>
        new(tables.Ints(offsets), tables.Bytes(bytes));
}
