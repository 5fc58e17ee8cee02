using Stoker.Engine.Tokenization.AddedTokens;
using Stoker.Engine.Tokenization.Bpe;
using Stoker.Engine.Tokenization.Decoding;
using Stoker.Engine.Tokenization.Splitting;
using Stoker.Engine.Tokenization.Unicode;

namespace Stoker.Engine.Tokenization.Loading;

/// <summary>Puts a tokenizer together from its file.</summary>
internal static class TokenizerBuilder
{
    public static TokenizerParts Build(TokenizerFile file)
    {
        try
        {
            return BuildParts(file);
        }
        catch (TokenizationException error)
        {
            // The file's own tokens go through its patterns and decoder, which may be made to run away.
            throw new ModelLoadException(TokenizerFile.Name, null, error.Message, error);
        }
    }

    private static TokenizerParts BuildParts(TokenizerFile file)
    {
        var added = AddedTokenReader.Read(file);
        var texts = AddedTokenReader.Join(file.Model, added);
        var special = new bool[texts.Size];
        foreach (var token in added) special[token.Id] = token.Special;
        var splitting = PreTokenizerReader.Read(file.Component("pre_tokenizer"));
        var rules = DecoderReader.Read(file.Component("decoder"));
        var (before, after) = PostProcessorReader.Read(file.Component("post_processor"));
        foreach (var id in (int[])[.. before, .. after])
        {
            if (!texts.Has(id)) throw file.Component("post_processor").Error($"adds the id {id}, which no token has");
        }

        var normalizers = NormalizerReader.Read(file.Component("normalizer"));
        var steps = splitting.Build(new ModelStep(BuildModel(file.Model, texts, special, splitting.BytesLast)));
        return new TokenizerParts
        {
            Texts = texts,
            Bytes = TokenBytes.Build(texts, rules),
            Special = special,
            Raw = new AddedTokenMatcher(added.Where(token => !token.Normalized).Select(token => (token, token.Content))),
            Normalized = new AddedTokenMatcher(added.Where(token => token.Normalized).Select(token => (token, normalizers.Apply(token.Content)))),
            Normalizers = normalizers,
            Steps = steps,
            States = new EncodeStatePool(splitting.TransformingSteps),
            Rules = rules,
            Before = before,
            After = after,
        };
    }

    private static BpeModel BuildModel(ModelJson model, TokenTable texts, bool[] special, bool bytes)
    {
        var unknown = model.Options.Member("unk_token") is { IsNull: false } name ? RequireToken(name, texts) : -1;
        var fuse = model.Options.Flag("fuse_unk", absent: false);
        var pieces = bytes ? PieceTable(model.Table) : model.Table;

        // Text never becomes a special token by way of the model: only added-token matching may do that, and only where
        // the caller allows it.
        int Find(ReadOnlySpan<byte> piece) => pieces.Find(piece) is >= 0 and var id && !special[id] ? id : -1;
        Symbols symbols = bytes
            ? new ByteSymbols(ByteIds(value => Find([(byte)value])), unknown, fuse)
            : new CharacterSymbols(Find, model.Options.Flag("byte_fallback", absent: false) ? FallbackIds(model.Table) : null, unknown, fuse);
        return new BpeModel(model.Options.Flag("ignore_merges", absent: false) ? Find : null, symbols, BuildMerges(model, special));
    }

    private static MergeTable BuildMerges(ModelJson model, bool[] special)
    {
        var merges = new MergeTable(model.Merges.Count);
        for (var rank = 0; rank < model.Merges.Count; rank++)
        {
            var (left, right, id) = model.Merges[rank];
            if (!special[id]) merges.Set(left, right, rank, id);
        }

        return merges;
    }

    /// <summary>
    /// The vocabulary by the bytes that its tokens stand for. Tokens outside the byte alphabet are left out: no text
    /// reaches them.
    /// </summary>
    private static TokenTable PieceTable(TokenTable texts)
    {
        var builder = new TokenTable.Builder();
        for (var id = 0; id < texts.Size; id++)
        {
            var text = texts[id];
            if (texts.Has(id) && ByteAlphabet.TryDecode(text, builder.Room(text.Length), out var length)) builder.Add(id, length);
        }

        return builder.Build(texts.Size, out _);
    }

    private static int[] FallbackIds(TokenTable texts) =>
        ByteIds(value => texts.Find(System.Text.Encoding.UTF8.GetBytes($"<0x{value:X2}>")));

    private static int[] ByteIds(Func<int, int> find)
    {
        var ids = new int[256];
        for (var value = 0; value < 256; value++) ids[value] = find(value);
        return ids;
    }

    private static int RequireToken(ComponentJson name, TokenTable texts) =>
        texts.Find(System.Text.Encoding.UTF8.GetBytes(name.AsText())) is >= 0 and var id
            ? id
            : throw name.Error($"'{name.AsText()}' is not in the vocabulary");
}
