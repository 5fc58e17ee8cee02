using System.Text;
using System.Text.Json;
using Stoker.Engine.Tokenization.Bpe;

namespace Stoker.Engine.Tokenization.Loading;

/// <summary>Reads <c>model.vocab</c>, an object of token and id.</summary>
internal static class VocabularyReader
{
    /// <summary>
    /// Ids may have gaps (real vocabularies do), but no table of ids may be made huge by one absurd number: the highest
    /// id is at most twice the count plus this.
    /// </summary>
    private const int AllowedGap = 65_536;

    public static void Read(ref Utf8JsonReader reader, TokenTableBuilder vocabulary)
    {
        JsonWalk.Require(ref reader, JsonTokenType.StartObject, "model.vocab");
        while (true)
        {
            if (!reader.Read()) throw new JsonException();
            if (reader.TokenType == JsonTokenType.EndObject) return;
            var length = CopyString(ref reader, vocabulary.Room(reader.ValueSpan.Length));
            if (!reader.Read()) throw new JsonException();
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt32(out var id) || id < 0)
            {
                var token = Encoding.UTF8.GetString(vocabulary.Room(length));
                throw Error(token, $"the id must be a number from 0 to {int.MaxValue}, found {reader.TokenType}");
            }

            vocabulary.Add(id, length);
        }
    }

    /// <summary>Checks ids and texts, and makes the table.</summary>
    public static TokenTable Check(TokenTableBuilder vocabulary)
    {
        if (vocabulary.Count == 0) throw new ModelLoadException(TokenizerFile.Name, "model.vocab", "is empty");
        CheckHighestId(vocabulary.HighestId, vocabulary.Count, "model.vocab");
        var table = vocabulary.Build(out var conflict);
        if (conflict is null) return table;
        var token = Encoding.UTF8.GetString(table[conflict.Id]);
        throw Error(token, conflict.SameId ? $"the id {conflict.Id} is given to two tokens" : "the token occurs twice");
    }

    public static void CheckHighestId(int highest, int count, string item)
    {
        if (highest > (2L * count) + AllowedGap)
        {
            var reason =
                $"the highest id is {highest} with only {count} tokens; at most {(2L * count) + AllowedGap} is allowed";
            throw new ModelLoadException(TokenizerFile.Name, item, reason);
        }
    }

    /// <summary>Copies a string or a property name, escapes resolved; the target has room for its raw form.</summary>
    private static int CopyString(ref Utf8JsonReader reader, Span<byte> target)
    {
        if (reader.ValueIsEscaped) return reader.CopyString(target);
        reader.ValueSpan.CopyTo(target);
        return reader.ValueSpan.Length;
    }

    private static ModelLoadException Error(string token, string reason) =>
        new(TokenizerFile.Name, $"model.vocab[\"{(token.Length > 64 ? token[..64] + "..." : token)}\"]", reason);
}
