using System.Text;
using Stoker.Engine.Tokenization.AddedTokens;
using Stoker.Engine.Tokenization.Bpe;

namespace Stoker.Engine.Tokenization.Loading;

/// <summary>Reads <c>added_tokens</c> and joins them to the vocabulary.</summary>
internal static class AddedTokenReader
{
    /// <summary>
    /// Bytes of all added tokens: each is normalised and sorted by itself. Real files stay below 0.2 MB.
    /// </summary>
    private const int MaxBytes = 1 << 20;

    public static List<AddedToken> Read(TokenizerFile file)
    {
        var tokens = file.Component("added_tokens");
        if (tokens.IsNull) return [];
        var (read, bytes) = (new List<AddedToken>(), 0L);
        foreach (var token in tokens.Elements())
        {
            read.Add(ReadOne(token));
            bytes += Encoding.UTF8.GetByteCount(read[^1].Content);
            if (bytes > MaxBytes) throw tokens.Error($"the tokens have more than {MaxBytes} bytes in all");
        }

        return read;
    }

    /// <summary>
    /// The whole vocabulary. An added token may name an id that the model has under the same text; every other clash is
    /// an error.
    /// </summary>
    public static TokenTable Join(ModelJson model, List<AddedToken> tokens)
    {
        var builder = model.Vocabulary;
        foreach (var token in tokens)
        {
            var content = Encoding.UTF8.GetBytes(token.Content);
            var known = model.Table.Find(content);
            if (known == token.Id) continue;
            if (known >= 0) throw Error(token, $"its id is {token.Id} here and {known} in the vocabulary");
            if (model.Table.Has(token.Id))
            {
                throw Error(token, $"its id {token.Id} belongs to another token of the vocabulary");
            }
            builder.Add(token.Id, content);
        }

        VocabularyReader.CheckHighestId(builder.HighestId, builder.Count, "added_tokens");
        var table = builder.Build(out var conflict);
        if (conflict is null) return table;
        var reason = conflict.SameId ? $"the id {conflict.Id} is given to two tokens" : $"the token of id {conflict.Id} occurs twice";
        throw new ModelLoadException(TokenizerFile.Name, "added_tokens", reason);
    }

    private static AddedToken ReadOne(ComponentJson token)
    {
        var special = token.Flag("special", absent: false);
        return new AddedToken(
            token.Count("id"),
            token.Text("content"),
            special,
            token.Flag("single_word", absent: false),
            token.Flag("lstrip", absent: false),
            token.Flag("rstrip", absent: false),
            token.Flag("normalized", absent: !special));
    }

    private static ModelLoadException Error(AddedToken token, string reason) =>
        new(TokenizerFile.Name, $"added_tokens '{token.Content}'", reason);
}
