using System.Buffers;
using System.Runtime.InteropServices;
using System.Text.Json;
using Stoker.Engine.Tokenization.Decoding;
using Stoker.Engine.Tokenization.Normalizers;

namespace Stoker.Engine.Tokenization.Loading;

/// <summary>
/// What is done to text before the model and after it: the components of tokenizer.json that are rules, not tables.
/// They are a few hundred bytes, so the tables keep them in the file's own words, and one reader serves both.
/// </summary>
internal sealed record TextRules(NormalizerChain Normalizers, PreTokenizerReader Splitting, DecoderRules Decoder)
{
    private static readonly string[] Keys = ["normalizer", "pre_tokenizer", "decoder"];

    public static TextRules Read(TokenizerFile file) => Read(file.Component);

    /// <summary>Reads what <see cref="Write"/> wrote.</summary>
    public static TextRules Read(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        var root = new ComponentJson(JsonElement.ParseValue(ref reader), "rules");
        return Read(key => new ComponentJson(root.Member(key).Json, key));
    }

    /// <summary>As one JSON object. The components' bytes are taken as they are: they are valid, and were read.</summary>
    public static ReadOnlySpan<byte> Write(TokenizerFile file)
    {
        var json = new ArrayBufferWriter<byte>();
        foreach (var key in Keys)
        {
            json.Write(json.WrittenCount == 0 ? "{\""u8 : ",\""u8);
            json.Write(System.Text.Encoding.ASCII.GetBytes(key));
            json.Write("\":"u8);
            json.Write(file.Component(key) is { IsNull: false, Json: var component } ? JsonMarshal.GetRawUtf8Value(component) : "null"u8);
        }

        json.Write("}"u8);
        return json.WrittenSpan;
    }

    private static TextRules Read(Func<string, ComponentJson> component) => new(
        NormalizerReader.Read(component("normalizer")),
        PreTokenizerReader.Read(component("pre_tokenizer")),
        DecoderReader.Read(component("decoder")));
}
