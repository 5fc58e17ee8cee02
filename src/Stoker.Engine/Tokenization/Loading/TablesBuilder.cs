using System.Text;
using Stoker.Engine.Native;
using Stoker.Engine.Tokenization.AddedTokens;
using Stoker.Engine.Tokenization.Bpe;
using Stoker.Engine.Tokenization.Decoding;
using Stoker.Engine.Tokenization.Tables;
using Stoker.Engine.Tokenization.Unicode;

namespace Stoker.Engine.Tokenization.Loading;

/// <summary>Makes the tables of a tokenizer.json. All work per token is done here, once.</summary>
internal sealed class TablesBuilder
{
    private readonly TokenizerFile _file;
    private readonly List<AddedToken> _added;
    private readonly TextRules _rules;
    private readonly TokenTable _texts;
    private readonly TokenizerTables.Builder _tables = new();

    private TablesBuilder(TokenizerFile file)
    {
        _file = file;
        _added = AddedTokenReader.Read(file);
        _texts = AddedTokenReader.Join(file.Model, _added);
        _rules = TextRules.Read(file);
    }

    private ModelJson Model => _file.Model;

    /// <summary>Whether the model sees bytes.</summary>
    private bool Bytes => _rules.Splitting.BytesLast;

    public static TokenizerTables Build(TokenizerFile file) => new TablesBuilder(file).Build();

    private TokenizerTables Build()
    {
        MarkTokens();
        var model = ReadModel();
        _tables.Set(TablePart.Model, FlatArray<ModelRecord>.CopyOf([model]).Bytes);
        _tables.Set(TablePart.Rules, FlatBytes.CopyOf(TextRules.Write(_file)));
        Set(TablePart.TextOffsets, TablePart.TextBytes, _texts.Strings);
        _tables.Set(TablePart.TextSlots, _texts.Slots.Bytes);
        SetPieces(lookedUp: model.Options.HasFlag(ModelOptions.IgnoreMerges));
        Set(TablePart.ValueOffsets, TablePart.ValueBytes, TokenValue.OfAll(_texts, _rules.Decoder));
        _tables.Set(TablePart.Flags, _texts.Flags.Bytes);
        _tables.Set(TablePart.Merges, BuildMerges().Bytes);
        SetAdded(TablePart.RawTokens, TablePart.RawTokenBytes, _added.Where(token => !token.Normalized).Select(token => (token, token.Content)));
        SetAdded(
            TablePart.NormalizedTokens,
            TablePart.NormalizedTokenBytes,
            _added.Where(token => token.Normalized).Select(token => (token, _rules.Normalizers.Apply(token.Content))));
        SetAround();
        return _tables.Build();
    }

    private void MarkTokens()
    {
        var flags = _texts.Flags.Writable();
        foreach (var token in _added)
        {
            if (token.Special) flags[token.Id] |= TokenFlags.Special;
        }

        for (var id = 0; id < Model.Table.Size; id++)
        {
            if (Model.Table.Has(id) && (flags[id] & TokenFlags.Special) == 0) flags[id] |= TokenFlags.Piece;
        }
    }

    private ModelRecord ReadModel()
    {
        var unknown = Model.Options.Member("unk_token") is { IsNull: false } name ? RequireToken(name) : -1;
        var options = (Bytes ? ModelOptions.Bytes : 0)
            | (Model.Options.Flag("fuse_unk", absent: false) ? ModelOptions.FuseUnknown : 0)
            | (Model.Options.Flag("ignore_merges", absent: false) ? ModelOptions.IgnoreMerges : 0);
        return new ModelRecord(_texts.Key, _texts.Size, unknown, options);
    }

    private int RequireToken(ComponentJson name) => _texts.Find(Encoding.UTF8.GetBytes(name.AsText())) is >= 0 and var id
        ? id
        : throw name.Error($"'{name.AsText()}' is not in the vocabulary");

    /// <summary>What the model finds in text: bytes where it sees bytes, else fallback bytes where it has them.</summary>
    private void SetPieces(bool lookedUp)
    {
        var fallback = Model.Options.Flag("byte_fallback", absent: false); // also read where bytes make it idle: it must be a flag
        if (Bytes)
        {
            SetBytePieces(lookedUp);
            return;
        }

        if (!fallback) return;
        var ids = FlatInts.Allocate(256);
        for (var value = 0; value < 256; value++)
        {
            ids.Writable()[value] = Model.Table.Find(Encoding.UTF8.GetBytes($"<0x{value:X2}>"));
        }
        _tables.Set(TablePart.ByteIds, ids.Bytes);
    }

    /// <summary>
    /// The vocabulary by the bytes that its tokens stand for. Tokens outside the byte alphabet are left out: no text
    /// reaches them.
    /// </summary>
    private void SetBytePieces(bool lookedUp)
    {
        var ids = FlatInts.Allocate(256);
        ids.Writable().Fill(-1);
        var pieces = new TokenStrings.Builder(_texts.Size);
        for (var id = 0; id < _texts.Size; id++)
        {
            var text = _texts[id];
            var piece = pieces.Room(text.Length);
            var length = 0;
            if (_texts.Has(id, TokenFlags.Piece) && !ByteAlphabet.TryDecode(text, piece, out length))
            {
                length = 0;
                _texts.Flags.Writable()[id] &= ~TokenFlags.Piece;
            }

            if (length == 1) ids.Writable()[piece[0]] = id;
            pieces.Add(length);
        }

        _tables.Set(TablePart.ByteIds, ids.Bytes);
        if (!lookedUp) return;
        var table = TokenTable.Index(pieces.Build(), _texts.Flags, TokenFlags.Piece, _texts.Key, out _);
        Set(TablePart.PieceOffsets, TablePart.PieceBytes, table.Strings);
        _tables.Set(TablePart.PieceSlots, table.Slots.Bytes);
    }

    private FlatArray<MergeEntry> BuildMerges()
    {
        var merges = new MergeTable.Builder(Model.Merges.Count, _texts.Key);
        for (var rank = 0; rank < Model.Merges.Count; rank++)
        {
            var (left, right, id) = Model.Merges[rank];
            if (!_texts.Has(id, TokenFlags.Special)) merges.Set(left, right, rank, id);
        }

        return merges.Entries;
    }

    private void SetAround()
    {
        var processor = _file.Component("post_processor");
        var (before, after) = PostProcessorReader.Read(processor);
        foreach (var id in (int[])[.. before, .. after])
        {
            if (!_texts.Has(id)) throw processor.Error($"adds the id {id}, which no token has");
        }

        _tables.Set(TablePart.Before, FlatInts.CopyOf(before).Bytes);
        _tables.Set(TablePart.After, FlatInts.CopyOf(after).Bytes);
    }

    private void SetAdded(TablePart entriesPart, TablePart bytesPart, IEnumerable<(AddedToken Token, string Text)> tokens)
    {
        var (entries, bytes) = AddedTokenEntry.Sort(tokens);
        _tables.Set(entriesPart, entries.Bytes);
        _tables.Set(bytesPart, bytes);
    }

    private void Set(TablePart offsets, TablePart bytes, TokenStrings strings)
    {
        _tables.Set(offsets, strings.Offsets.Bytes);
        _tables.Set(bytes, strings.Bytes);
    }
}
