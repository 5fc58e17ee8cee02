using System.Text;
using Stoker.Engine.Tokenization.Unicode;

namespace Stoker.Engine.Tokenization.Splitting;

/// <summary>Puts a space before a piece that does not begin with one.</summary>
/// <param name="text">Which of the state's texts is this step's own.</param>
/// <param name="next">The step after.</param>
internal sealed class PrefixSpaceStep(int text, PieceStep next) : PieceStep
{
    public override void Process(ReadOnlySpan<byte> piece, bool atStart, EncodeState state)
    {
        if (piece[0] != ' ')
        {
            var own = state.StepText(text);
            own.Reset();
            own.Append((byte)' ');
            own.Append(piece);
            piece = own.Text;
        }

        next.Process(piece, atStart, state);
    }
}

/// <summary>Writes bytes as characters of the byte alphabet: ByteLevel where it is not the last step.</summary>
/// <param name="text">Which of the state's texts is this step's own.</param>
/// <param name="next">The step after.</param>
internal sealed class ByteAlphabetStep(int text, PieceStep next) : PieceStep
{
    public override void Process(ReadOnlySpan<byte> piece, bool atStart, EncodeState state)
    {
        var own = state.StepText(text);
        own.Reset();
        foreach (var value in piece) own.Append((int)ByteAlphabet.ToCharacter(value));
        next.Process(own.Text, atStart, state);
    }
}

/// <summary>When Metaspace puts its mark in front of a piece that does not begin with it.</summary>
internal enum PrependScheme
{
    Always,
    First,
    Never,
}

/// <summary>
/// Writes spaces as a visible mark and puts one in front; splitting at the marks is a step of its own.
/// </summary>
/// <param name="mark">The mark, as a rule U+2581.</param>
/// <param name="scheme">When one is put in front.</param>
/// <param name="text">Which of the state's texts is this step's own.</param>
/// <param name="next">The step after.</param>
internal sealed class MetaspaceStep(Rune mark, PrependScheme scheme, int text, PieceStep next) : PieceStep
{
    public override void Process(ReadOnlySpan<byte> piece, bool atStart, EncodeState state)
    {
        var own = state.StepText(text);
        own.Reset();
        var begins = piece[0] == ' ' || Utf8.ReadAt(piece, 0, out _) == mark.Value;
        if (!begins && (scheme == PrependScheme.Always || (scheme == PrependScheme.First && atStart))) own.Append(mark.Value);
        while (!piece.IsEmpty)
        {
            var space = piece.IndexOf((byte)' ');
            own.Append(space < 0 ? piece : piece[..space]);
            if (space < 0) break;
            own.Append(mark.Value);
            piece = piece[(space + 1)..];
        }

        next.Process(own.Text, atStart, state);
    }
}
