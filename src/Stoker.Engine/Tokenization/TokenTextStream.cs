using System.Buffers;
using System.Text;
using Stoker.Engine.Tokenization.Decoding;

namespace Stoker.Engine.Tokenization;

/// <summary>Turns the tokens of one answer into text as they come. Text leaves as soon as it is certain, half a code point never, and all parts joined are what decoding the whole gives.</summary>
/// <remarks>Not thread-safe: one stream belongs to one answer.</remarks>
public sealed class TokenTextStream
{
    private const int LongestSequence = 4;
    private readonly Tokenizer _tokenizer;
    private readonly DecoderRules _rules;
    private readonly bool _skipSpecialTokens;
    private readonly StringBuilder _text = new();
    private readonly byte[] _held = new byte[LongestSequence]; // a valid but unfinished beginning of a code point
    private int _heldLength;
    private bool _started;

    internal TokenTextStream(Tokenizer tokenizer, DecoderRules rules, bool skipSpecialTokens) =>
        (_tokenizer, _rules, _skipSpecialTokens) = (tokenizer, rules, skipSpecialTokens);

    /// <summary>The text that this token makes certain; may be empty. An id that the tokenizer does not have gives nothing.</summary>
    public string Append(int id)
    {
        if (_skipSpecialTokens && _tokenizer.IsSpecial(id)) return "";
        var bytes = _tokenizer.TokenBytes(id).Span;
        if (_rules.JoinedBySpaces && _started && _tokenizer.Has(id)) AppendBytes(" "u8);
        _started |= _tokenizer.Has(id);
        AppendBytes(bytes);
        return Take();
    }

    /// <summary>What was held back: an unfinished code point becomes U+FFFD.</summary>
    public string Flush()
    {
        if (_heldLength > 0) _text.Append('\uFFFD');
        _heldLength = 0;
        return Take();
    }

    private void AppendBytes(ReadOnlySpan<byte> bytes)
    {
        while (_heldLength > 0 && bytes.Length > 0)
        {
            _held[_heldLength++] = bytes[0];
            var status = Rune.DecodeFromUtf8(_held.AsSpan(0, _heldLength), out var rune, out var consumed);
            if (status == OperationStatus.NeedMoreData)
            {
                bytes = bytes[1..];
                continue;
            }

            // Either the code point is finished, or this byte cannot go on with it and begins anew.
            _text.Append(rune);
            if (consumed == _heldLength) bytes = bytes[1..];
            _heldLength = 0;
        }

        AppendFresh(bytes);
    }

    private void AppendFresh(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            var status = Rune.DecodeFromUtf8(bytes, out var rune, out var consumed);
            if (status == OperationStatus.NeedMoreData)
            {
                bytes.CopyTo(_held);
                _heldLength = bytes.Length;
                return;
            }

            _text.Append(rune);
            bytes = bytes[consumed..];
        }
    }

    private string Take()
    {
        if (_text.Length == 0) return "";
        var text = _text.ToString();
        _text.Clear();
        return text;
    }
}
