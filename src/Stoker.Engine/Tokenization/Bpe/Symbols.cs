using Stoker.Engine.Native;
using Stoker.Engine.Tokenization.Unicode;

namespace Stoker.Engine.Tokenization.Bpe;

/// <summary>What a piece is before the first merge: one id per byte, or one per character.</summary>
internal abstract class Symbols
{
    /// <summary>Writes the ids of the piece's symbols, never more than it has bytes, and returns their count.</summary>
    public abstract int Fill(ReadOnlySpan<byte> piece, Span<int> ids);
}

/// <summary>
/// Byte-level vocabularies: every byte has an id. A byte that has none becomes the unknown token, or nothing when there
/// is no such token.
/// </summary>
internal sealed class ByteSymbols(FlatInts byteIds, int unknownId, bool fuseUnknown) : Symbols
{
    public override int Fill(ReadOnlySpan<byte> piece, Span<int> ids)
    {
        var (count, afterUnknown) = (0, false);
        foreach (var value in piece)
        {
            var id = byteIds[value];
            if (id < 0 && (unknownId < 0 || (fuseUnknown && afterUnknown))) continue;
            afterUnknown = id < 0;
            ids[count++] = id < 0 ? unknownId : id;
        }

        return count;
    }
}

/// <summary>
/// Character vocabularies. A character without an id becomes its bytes as <c>&lt;0xNN&gt;</c> tokens when all of them
/// exist, else the unknown token, else nothing.
/// </summary>
/// <param name="table">Finds characters.</param>
/// <param name="fallbackIds">By byte; empty without byte fallback.</param>
/// <param name="unknownId">The unknown token, or -1.</param>
/// <param name="fuseUnknown">Neighbouring unknown characters are one token.</param>
internal sealed class CharacterSymbols(TokenTable table, FlatInts fallbackIds, int unknownId, bool fuseUnknown) : Symbols
{
    public override int Fill(ReadOnlySpan<byte> piece, Span<int> ids)
    {
        var (count, afterUnknown) = (0, false);
        for (var position = 0; position < piece.Length;)
        {
            Utf8.ReadAt(piece, position, out var length);
            var character = piece.Slice(position, length);
            position += length;
            var id = table.FindPiece(character, ByteHash.Of(table.Key, character));
            if (id < 0 && HasFallback(character))
            {
                foreach (var value in character) ids[count++] = fallbackIds[value];
                afterUnknown = false;
                continue;
            }

            if (id < 0 && (unknownId < 0 || (fuseUnknown && afterUnknown))) continue;
            afterUnknown = id < 0;
            ids[count++] = id < 0 ? unknownId : id;
        }

        return count;
    }

    private bool HasFallback(ReadOnlySpan<byte> character)
    {
        if (fallbackIds.Length == 0) return false;
        foreach (var value in character)
        {
            if (fallbackIds[value] < 0) return false;
        }

        return true;
    }
}
