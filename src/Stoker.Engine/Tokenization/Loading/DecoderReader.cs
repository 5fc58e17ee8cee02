using Stoker.Engine.Tokenization.Decoding;

namespace Stoker.Engine.Tokenization.Loading;

/// <summary>Reads <c>decoder</c>.</summary>
internal static class DecoderReader
{
    private const string Known = "ByteLevel";

    public static DecoderRules Read(ComponentJson decoder)
    {
        if (decoder.IsNull) return new DecoderRules { JoinedBySpaces = true };
        return decoder.Type switch
        {
            "ByteLevel" => new DecoderRules { Bytes = ByteSpelling.ByteLevel },
            _ => throw decoder.Unsupported("the decoder", Known),
        };
    }
}
