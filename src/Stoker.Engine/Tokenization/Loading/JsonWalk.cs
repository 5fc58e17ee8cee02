using System.Text.Json;

namespace Stoker.Engine.Tokenization.Loading;

/// <summary>Steps over JSON that is too large for a document: the vocabulary and the merges.</summary>
internal static class JsonWalk
{
    /// <summary>Reads on to the value and checks that it opens as expected.</summary>
    public static void Enter(ref Utf8JsonReader reader, JsonTokenType expected, string item)
    {
        if (!reader.Read()) throw new JsonException();
        Require(ref reader, expected, item);
    }

    public static void Require(ref Utf8JsonReader reader, JsonTokenType expected, string item)
    {
        if (reader.TokenType != expected)
        {
            throw new ModelLoadException(TokenizerFile.Name, item, $"{expected} was expected, found {reader.TokenType}");
        }
    }

    /// <summary>Reads the next key of an object and moves on to its value; false at the object's end.</summary>
    public static bool NextMember(ref Utf8JsonReader reader, out string key)
    {
        key = "";
        if (!reader.Read()) throw new JsonException();
        if (reader.TokenType == JsonTokenType.EndObject) return false;
        key = reader.GetString()!;
        if (!reader.Read()) throw new JsonException();
        return true;
    }
}
