using Stoker.Engine.Tokenization.Patterns;
using Stoker.Engine.Tokenization.Unicode;

namespace Stoker.Engine.Tokenization.Regex;

/// <summary>
/// Runs a pattern over code points by backtracking, within the budget of steps of the text. .NET's own expressions see
/// UTF-16 units and so miss letters outside the BMP.
/// </summary>
internal sealed class PatternEngine(Instruction[] code, bool canBeEmpty) : PatternMatcher
{
    public override bool CanBeEmpty => canBeEmpty;

    public static PatternEngine Compile(string pattern)
    {
        var node = PatternParser.Parse(pattern);
        return new PatternEngine(PatternProgram.Compile(node), node.IsNullable);
    }

    public override int Match(ReadOnlySpan<byte> text, int start, MatchScratch scratch)
    {
        scratch.Spend(1);
        return Run(text, 0, start, scratch);
    }

    /// <summary>
    /// The end of the first match from an instruction and a position, or -1. Calls itself only for looks and atomic
    /// groups, so as deep as the pattern nests.
    /// </summary>
    private int Run(ReadOnlySpan<byte> text, int at, int position, MatchScratch scratch)
    {
        var bottom = scratch.Depth;
        while (true)
        {
            scratch.Spend(1);
            var instruction = code[at];
            if (instruction.Op == Op.Accept)
            {
                scratch.Depth = bottom;
                return position;
            }

            var stepped = Step(text, instruction, ref at, ref position, scratch);
            if (!stepped && !Backtrack(text, bottom, ref at, ref position, scratch)) return NoMatch;
        }
    }

    /// <summary>Does one instruction; false when it does not match.</summary>
    private bool Step(ReadOnlySpan<byte> text, in Instruction instruction, ref int at, ref int position, MatchScratch scratch)
    {
        switch (instruction.Op)
        {
            case Op.Set:
                if (position >= text.Length || !instruction.Set!.Contains(Utf8.ReadAt(text, position, out var length)))
                {
                    return false;
                }
                position += length;
                at++;
                return true;
            case Op.Run:
                return StepRun(text, instruction, ref at, ref position, scratch);
            case Op.Fork:
                Push(scratch, instruction.B, position, least: -1);
                at = instruction.A;
                return true;
            case Op.Jump:
                at = instruction.A;
                return true;
            case Op.Look:
                if (Run(text, at + 1, position, scratch) >= 0 == (instruction.C == 1)) return false;
                at = instruction.A;
                return true;
            case Op.Atomic:
                position = Run(text, at + 1, position, scratch);
                at = instruction.A;
                return position >= 0;
            default:
                at++;
                return Anchors.Hold((Anchor)instruction.A, text, position);
        }
    }

    private static bool StepRun(ReadOnlySpan<byte> text, in Instruction run, ref int at, ref int position, MatchScratch scratch)
    {
        var (start, count, least) = (position, 0, run.A == 0 ? position : -1);
        while (count < run.B && position < text.Length && run.Set!.Contains(Utf8.ReadAt(text, position, out var length)))
        {
            position += length;
            if (++count == run.A) least = position;
        }

        scratch.Spend((position - start) / 4);
        if (count < run.A) return false;
        at++;
        if (run.C == 0 && position > least) Push(scratch, at, position, least);
        return true;
    }

    private static void Push(MatchScratch scratch, int at, int position, int least)
    {
        scratch.Push(at);
        scratch.Push(position);
        scratch.Push(least);
    }

    /// <summary>
    /// Goes on at the latest open choice. A run gives back one character at a time, down to its least position.
    /// </summary>
    private static bool Backtrack(ReadOnlySpan<byte> text, int bottom, ref int at, ref int position, MatchScratch scratch)
    {
        if (scratch.Depth == bottom) return false;
        var least = scratch.Pop();
        position = scratch.Pop();
        at = scratch.Pop();
        if (least < 0) return true;
        Utf8.ReadBefore(text, position, out var length);
        position -= length;
        if (position > least) Push(scratch, at, position, least);
        return true;
    }
}
