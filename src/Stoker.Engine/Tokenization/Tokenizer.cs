using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Stoker.Engine.Native;
using Stoker.Engine.Tokenization.Loading;
using Stoker.Engine.Tokenization.Tables;

namespace Stoker.Engine.Tokenization;

/// <summary>
/// A model's tokenizer, from its tokenizer.json or from tables that were made of it. Immutable and safe to use from
/// many threads.
/// </summary>
public sealed class Tokenizer
{
    private readonly TokenizerParts _parts;
    private string?[]? _pieces;

    private Tokenizer(TokenizerParts parts) => _parts = parts;

    /// <summary>Highest id + 1, added tokens included. Model outputs above it are padding.</summary>
    public int VocabularySize => _parts.Texts.Size;

    /// <summary>
    /// SHA-256 of all tokens with their ids, in hexadecimal: equal where every id means the same bytes, so that the tokens of
    /// one model are another's.
    /// </summary>
    public string VocabularyDigest()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> head = stackalloc byte[5];
        for (var id = 0; id < VocabularySize; id++)
        {
            var bytes = TokenBytes(id).Span;
            BinaryPrimitives.WriteInt32LittleEndian(head, bytes.Length);
            head[4] = IsSpecial(id) ? (byte)1 : (byte)0;
            hash.AppendData(head);
            hash.AppendData(bytes);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Opens the tokenizer of a model folder.</summary>
    /// <exception cref="ModelLoadException">tokenizer.json is missing, broken, or uses a component that is not
    /// supported; the message names it.</exception>
    public static Tokenizer Load(string modelFolder) => new(TokenizerBuilder.Build(TokenizerFile.Read(modelFolder)));

    /// <summary>Opens a tokenizer from the text of a tokenizer.json.</summary>
    internal static Tokenizer Parse(ReadOnlySpan<byte> json) => new(TokenizerBuilder.Build(TokenizerFile.Parse(json)));

    /// <summary>Opens a tokenizer from tables that <see cref="TokenizerTables.Write"/> wrote, without copying them.</summary>
    /// <param name="section">The tables alone, from their first byte to their last; kept alive by the tokenizer.</param>
    /// <exception cref="ModelLoadException">The section is of another version, cut, or damaged.</exception>
    internal static Tokenizer FromTables(FixedMemory section) => new(TokenizerBuilder.Build(section));

    internal TokenizerTables Tables => _parts.Tables;

    /// <summary>Ids of a text.</summary>
    /// <param name="text">Any text; lone surrogates count as U+FFFD.</param>
    /// <param name="addSpecialTokens">Adds what the file's post-processor says, such as BOS. Not for rendered chat
    /// templates, which wrote it already.</param>
    /// <param name="parseSpecialTokens">False: special tokens spelled in the text stay text. For what a user
    /// wrote.</param>
    public int[] Encode(string text, bool addSpecialTokens, bool parseSpecialTokens = true)
    {
        var ids = new List<int>(16 + (text.Length / 3));
        Encode(text, ids, addSpecialTokens, parseSpecialTokens);
        return [.. ids];
    }

    /// <summary>Appends a text's ids to a list; parameters as above.</summary>
    public void Encode(ReadOnlySpan<char> text, List<int> ids, bool addSpecialTokens, bool parseSpecialTokens = true)
    {
        var state = _parts.States.Rent();
        try
        {
            state.Ids = ids;
            if (addSpecialTokens) ids.AddRange(_parts.Before);
            state.Raw.Append(text);
            state.Matching.Allow(state.Raw.Length);
            EncodeRaw(state, parseSpecialTokens);
            if (addSpecialTokens) ids.AddRange(_parts.After);
        }
        finally
        {
            _parts.States.Return(state);
            GC.KeepAlive(this); // the tables may lie in a map that goes with its last reader
        }
    }

    /// <summary>The text of ids. Bytes that are not UTF-8 become U+FFFD; ids that do not exist give nothing.</summary>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecialTokens)
    {
        var stream = NewStream(skipSpecialTokens);
        var text = new StringBuilder();
        foreach (var id in ids) text.Append(stream.Append(id));
        return text.Append(stream.Flush()).ToString();
    }

    /// <summary>A stream that turns ids into text as they come.</summary>
    public TokenTextStream NewStream(bool skipSpecialTokens) => new(this, _parts.Rules, skipSpecialTokens);

    /// <summary>
    /// The bytes that one token stands for, which need not be whole characters; empty for an id that does not exist.
    /// </summary>
    public ReadOnlyMemory<byte> TokenBytes(int id) => _parts.Values.Memory(id);

    /// <summary>Whether the id is an added token marked special, such as an end-of-text token.</summary>
    public bool IsSpecial(int id) => Has(id, TokenFlags.Special);

    /// <summary>The id of a token by its spelling in the file, or null.</summary>
    public int? FindToken(string content)
    {
        var id = _parts.Texts.Find(Encoding.UTF8.GetBytes(content));
        GC.KeepAlive(this);
        return id >= 0 ? id : null;
    }

    /// <summary>The token as the file spells it; empty for an id that does not exist.</summary>
    internal string Spelling(int id)
    {
        var text = Encoding.UTF8.GetString(_parts.Texts[id]);
        GC.KeepAlive(this);
        return text;
    }

    /// <summary>
    /// The text that a token has just given, as the string it was the last time where it is the same: nearly every token
    /// always gives the same text, so a running stream allocates nothing.
    /// </summary>
    /// <remarks>A reference for each entry, and the texts of those that were generated: some MB at 128k entries.</remarks>
    internal string Piece(int id, StringBuilder text)
    {
        var pieces = _pieces ??= new string?[VocabularySize]; // two threads may both make one; then one of them is lost
        return pieces[id] is { } known && text.Equals(known) ? known : pieces[id] = text.ToString();
    }

    internal bool Has(int id) => Has(id, TokenFlags.Present);

    internal bool IsByte(int id) => Has(id, TokenFlags.Byte);

    /// <summary>The bytes of a token that is the first of an answer.</summary>
    internal byte[] FirstTokenBytes(int id)
    {
        var bytes = Decoding.TokenValue.First(_parts.Texts[id], _parts.Rules);
        GC.KeepAlive(this);
        return bytes;
    }

    private bool Has(int id, TokenFlags flag)
    {
        var has = _parts.Texts.Has(id, flag);
        GC.KeepAlive(this);
        return has;
    }

    /// <summary>Step 1: added tokens of the text as given; what lies between them goes on.</summary>
    private void EncodeRaw(EncodeState state, bool parseSpecial)
    {
        var text = state.Raw.Text;
        var done = 0;
        while (_parts.Raw.FindNext(text, done, parseSpecial) is { } match)
        {
            EncodeGap(text[done..match.Start], done == 0, state, parseSpecial);
            state.Ids.Add(match.Id);
            done = match.End;
        }

        EncodeGap(text[done..], done == 0, state, parseSpecial);
    }

    /// <summary>
    /// Steps 2 and 3: the normalizers, then added tokens of the normalised text; what lies between them goes through
    /// the steps of splitting to the model.
    /// </summary>
    private void EncodeGap(ReadOnlySpan<byte> text, bool atStart, EncodeState state, bool parseSpecial)
    {
        text = _parts.Normalizers.Apply(text, state);
        var done = 0;
        while (_parts.Normalized.FindNext(text, done, parseSpecial) is { } match)
        {
            EncodePiece(text[done..match.Start], atStart && done == 0, state);
            state.Ids.Add(match.Id);
            done = match.End;
        }

        EncodePiece(text[done..], atStart && done == 0, state);
    }

    private void EncodePiece(ReadOnlySpan<byte> text, bool atStart, EncodeState state)
    {
        if (!text.IsEmpty) _parts.Steps.Process(text, atStart, state);
    }
}
