using System.Text;
using Stoker.Engine.Tokenization.Decoding;
using Stoker.Engine.Tokenization.Splitting;

namespace Stoker.Engine.Tokenization.Loading;

/// <summary>
/// Reads <c>decoder</c>. A chain is three parts in this order: edits of single tokens, then how bytes become text, then
/// a cut of the joined text.
/// </summary>
internal sealed class DecoderReader
{
    private const string Known = "Sequence, ByteLevel, ByteFallback, Metaspace, Replace, Strip, Fuse";

    /// <summary>
    /// Real ones put in a space. The product of this and a token's length is made before it is looked at.
    /// </summary>
    private const int MaxReplacement = 256;

    private readonly List<TokenEdit> _edits = [];
    private ByteSpelling _bytes;
    private bool _joined;
    private StripRule? _strip;

    private DecoderReader()
    {
    }

    public static DecoderRules Read(ComponentJson decoder)
    {
        if (decoder.IsNull) return new DecoderRules { JoinedBySpaces = true };
        var reader = new DecoderReader();
        reader.Add(decoder);
        return new DecoderRules { Edits = reader._edits, Bytes = reader._bytes, Strip = reader._strip };
    }

    private void Add(ComponentJson decoder)
    {
        switch (decoder.Type)
        {
            case "Sequence":
                foreach (var item in decoder.Items("decoders")) Add(item);
                break;
            case "ByteLevel":
                SetBytes(decoder, ByteSpelling.ByteLevel);
                _joined = true;
                break;
            case "ByteFallback":
                SetBytes(decoder, ByteSpelling.Fallback);
                break;
            case "Fuse":
                _joined = true;
                break;
            case "Metaspace":
                AddEdit(decoder, ReadMark(decoder));
                break;
            case "Replace":
                AddEdit(decoder, ReadReplace(decoder));
                break;
            case "Strip":
                AddStrip(decoder);
                break;
            default:
                throw decoder.Unsupported("the decoder", Known);
        }
    }

    private void SetBytes(ComponentJson decoder, ByteSpelling spelling)
    {
        if (_bytes != ByteSpelling.None || _joined)
        {
            throw decoder.Error($"{decoder.Type} after ByteLevel, ByteFallback or Fuse is not supported");
        }
        _bytes = spelling;
    }

    private void AddEdit(ComponentJson decoder, TokenEdit edit)
    {
        if (_bytes != ByteSpelling.None || _joined)
        {
            throw decoder.Error($"{decoder.Type} after ByteLevel, ByteFallback or Fuse is not supported");
        }
        _edits.Add(edit);
    }

    private void AddStrip(ComponentJson decoder)
    {
        var content = decoder.Text("content");
        if (!Rune.TryGetRuneAt(content, 0, out var rune) || rune.Utf16SequenceLength != content.Length)
        {
            throw decoder.Member("content").Error("must be one character");
        }
        var rule = new StripRule(rune, decoder.Count("start"), decoder.Count("stop"));
        if (!_joined)
        {
            AddEdit(decoder, new StripEdit(rule));
            return;
        }

        if (_strip is not null) throw decoder.Error("a second Strip of the joined text is not supported");
        _strip = rule;
    }

    private static MarkEdit ReadMark(ComponentJson decoder)
    {
        var mark = decoder.Member("replacement") is { IsNull: false } given ? given.AsText() : "\u2581";
        if (mark.Length == 0) throw decoder.Member("replacement").Error("must be one character");
        return new MarkEdit(mark, PreTokenizerReader.ReadScheme(decoder) != PrependScheme.Never);
    }

    private static TokenEdit ReadReplace(ComponentJson decoder)
    {
        var (pattern, content) = (decoder.Member("pattern"), decoder.Text("content"));
        if (content.Length > MaxReplacement)
        {
            throw decoder.Member("content").Error($"has {content.Length} characters, at most {MaxReplacement} are supported");
        }
        return pattern.Member("String") is { IsNull: false } literal && literal.AsText().Length > 0
            ? new LiteralEdit(literal.AsText(), content)
            : new ReplaceEdit(PatternReader.Read(pattern), content);
    }
}
