using System.Buffers;
using System.Text;
using Stoker.Engine.Tokenization.Decoding;

namespace Stoker.Engine.Tokenization;

/// <summary>
/// Turns the tokens of one answer into text as they come. Text leaves as soon as it is certain, half a code point
/// never, and all parts joined are what decoding the whole gives.
/// </summary>
/// <remarks>Not thread-safe: one stream belongs to one answer.</remarks>
public sealed class TokenTextStream
{
    private const int LongestSequence = 4;
    private readonly Tokenizer _tokenizer;
    private readonly DecoderRules _rules;
    private readonly bool _skipSpecialTokens;
    private readonly StripFilter? _strip;
    private readonly StringBuilder _text = new();
    private readonly byte[] _held = new byte[LongestSequence]; // a valid but unfinished beginning of a code point
    private int _heldLength;
    private bool _started;

    internal TokenTextStream(Tokenizer tokenizer, DecoderRules rules, bool skipSpecialTokens)
    {
        (_tokenizer, _rules, _skipSpecialTokens) = (tokenizer, rules, skipSpecialTokens);
        _strip = rules.Strip is null ? null : new StripFilter(rules.Strip);
    }

    /// <summary>
    /// The text that this token makes certain; may be empty. An id that the tokenizer does not have gives nothing.
    /// </summary>
    public string Append(int id)
    {
        if ((_skipSpecialTokens && _tokenizer.IsSpecial(id)) || !_tokenizer.Has(id)) return "";
        if (_rules.JoinedBySpaces && _started) AppendBytes(" "u8);

        // A fallback byte may belong to a character with its neighbours; a token that is text ends what came before it.
        if (_rules.Bytes == ByteSpelling.Fallback && !_tokenizer.IsByte(id)) DropHeld();
        AppendBytes(_started || !_rules.FirstDiffers ? _tokenizer.TokenBytes(id).Span : _tokenizer.FirstTokenBytes(id));
        _started = true;
        GC.KeepAlive(_tokenizer); // whose bytes were just read
        if (_text.Length == 0) return "";
        var text = _tokenizer.Piece(id, _text);
        _text.Clear();
        return text;
    }

    /// <summary>What was held back: an unfinished code point becomes U+FFFD.</summary>
    public string Flush()
    {
        DropHeld();
        _strip?.Flush();
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

            if (status == OperationStatus.Done)
            {
                Emit(rune);
                bytes = bytes[1..];
                _heldLength = 0;
                continue;
            }

            // This byte cannot go on with what is held: that is lost, and the byte begins anew.
            _heldLength = consumed;
            DropHeld();
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

            Emit(rune);
            bytes = bytes[consumed..];
        }
    }

    /// <summary>Gives up what is held: one U+FFFD, and in byte-fallback vocabularies one for every byte.</summary>
    private void DropHeld()
    {
        var count = _rules.Bytes == ByteSpelling.Fallback ? _heldLength : Math.Min(_heldLength, 1);
        for (; count > 0; count--) Emit(Rune.ReplacementChar);
        _heldLength = 0;
    }

    private void Emit(Rune rune)
    {
        if (_strip is null) _text.AppendRune(rune);
        else _strip.Append(rune, _text);
    }

    private string Take()
    {
        if (_text.Length == 0) return "";
        var text = _text.ToString();
        _text.Clear();
        return text;
    }
}
