using Stoker.Engine.Tokenization.Bpe;

namespace Stoker.Engine.Tokenization.Splitting;

/// <summary>
/// One step of pre-tokenisation: cuts or changes a piece and hands the parts to the next step, the last of which is the
/// model.
/// </summary>
/// <remarks>A text of any length passes through in constant stack: a step calls the next one, never itself.</remarks>
internal abstract class PieceStep
{
    /// <param name="piece">Not empty, valid UTF-8.</param>
    /// <param name="atStart">Whether the piece stands at the very start of the text that was given.</param>
    /// <param name="state">Workplace and output of this encoding.</param>
    public abstract void Process(ReadOnlySpan<byte> piece, bool atStart, EncodeState state);
}

/// <summary>The last step.</summary>
internal sealed class ModelStep(BpeModel model) : PieceStep
{
    public override void Process(ReadOnlySpan<byte> piece, bool atStart, EncodeState state) =>
        model.Encode(piece, state);
}
