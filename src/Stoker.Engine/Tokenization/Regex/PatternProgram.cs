namespace Stoker.Engine.Tokenization.Regex;

internal enum Op
{
    /// <summary>One character of the set.</summary>
    Set,

    /// <summary>A run of characters of the set, from A to B of them; possessive when C is 1.</summary>
    Run,

    /// <summary>Try A first, then B.</summary>
    Fork,

    /// <summary>Go on at A.</summary>
    Jump,

    /// <summary>What follows up to A must match (C is 0) or must not (C is 1) here; nothing is consumed.</summary>
    Look,

    /// <summary>What follows up to A matches in its first way or not at all.</summary>
    Atomic,

    /// <summary>The anchor A holds here.</summary>
    Anchor,

    /// <summary>The end of the pattern, of a look or of an atomic group.</summary>
    Accept,
}

internal readonly record struct Instruction(Op Op, int A = 0, int B = 0, int C = 0, CodePointSet? Set = null);

/// <summary>A pattern as instructions for <see cref="PatternEngine"/>.</summary>
internal sealed class PatternProgram
{
    /// <summary>Counted groups are written out; this bounds what a hostile file can make of them.</summary>
    public const int MaxInstructions = 10_000;

    /// <summary>
    /// Nodes walked while they are written out: empty groups make no instruction and still cost time,
    /// <c>((){9999}){9999}</c>.
    /// </summary>
    private const int MaxVisits = 10 * MaxInstructions;

    private readonly List<Instruction> _code = [];
    private int _visits;

    private PatternProgram()
    {
    }

    public static Instruction[] Compile(Node node)
    {
        var program = new PatternProgram();
        program.Emit(node);
        program.Add(new Instruction(Op.Accept));
        return [.. program._code];
    }

    private int Add(Instruction instruction)
    {
        if (_code.Count == MaxInstructions)
        {
            throw new PatternSyntaxException($"the pattern needs more than {MaxInstructions} instructions");
        }
        _code.Add(instruction);
        return _code.Count - 1;
    }

    private void Emit(Node node)
    {
        if (++_visits > MaxVisits)
        {
            throw new PatternSyntaxException("the pattern's repetitions are too large to write out");
        }

        switch (node)
        {
            case SetNode set:
                Add(new Instruction(Op.Set, Set: set.Set));
                break;
            case SequenceNode sequence:
                foreach (var item in sequence.Items) Emit(item);
                break;
            case ChoiceNode choice:
                EmitChoice(choice);
                break;
            case RepeatNode { Item: SetNode set, Kind: not RepeatKind.Lazy } run:
                Add(new Instruction(Op.Run, run.Min, run.Max, run.Kind == RepeatKind.Possessive ? 1 : 0, set.Set));
                break;
            case RepeatNode { Kind: RepeatKind.Possessive } repeat:
                EmitEnclosed(Op.Atomic, 0, repeat with { Kind = RepeatKind.Greedy });
                break;
            case RepeatNode repeat:
                EmitRepeat(repeat);
                break;
            case LookNode look:
                EmitEnclosed(Op.Look, look.Negative ? 1 : 0, look.Item);
                break;
            case AtomicNode atomic:
                EmitEnclosed(Op.Atomic, 0, atomic.Item);
                break;
            case AnchorNode anchor:
                Add(new Instruction(Op.Anchor, (int)anchor.Anchor));
                break;
        }
    }

    private void EmitEnclosed(Op op, int c, Node item)
    {
        var at = Add(new Instruction(op));
        Emit(item);
        Add(new Instruction(Op.Accept));
        _code[at] = new Instruction(op, _code.Count, C: c);
    }

    private void EmitChoice(ChoiceNode choice)
    {
        var exits = new List<int>();
        for (var i = 0; i < choice.Options.Count; i++)
        {
            if (i == choice.Options.Count - 1)
            {
                Emit(choice.Options[i]);
                break;
            }

            var fork = Add(new Instruction(Op.Fork));
            Emit(choice.Options[i]);
            exits.Add(Add(new Instruction(Op.Jump)));
            _code[fork] = new Instruction(Op.Fork, fork + 1, _code.Count);
        }

        foreach (var exit in exits) _code[exit] = new Instruction(Op.Jump, _code.Count);
    }

    private void EmitRepeat(RepeatNode repeat)
    {
        for (var i = 0; i < repeat.Min; i++) Emit(repeat.Item);
        if (repeat.Max == RepeatNode.Unbounded)
        {
            var fork = Add(new Instruction(Op.Fork));
            Emit(repeat.Item);
            Add(new Instruction(Op.Jump, fork));
            _code[fork] = Fork(repeat.Kind, fork + 1, _code.Count);
            return;
        }

        var forks = new List<int>();
        for (var i = repeat.Min; i < repeat.Max; i++)
        {
            forks.Add(Add(new Instruction(Op.Fork)));
            Emit(repeat.Item);
        }

        foreach (var fork in forks) _code[fork] = Fork(repeat.Kind, fork + 1, _code.Count);
    }

    private static Instruction Fork(RepeatKind kind, int again, int done) =>
        kind == RepeatKind.Lazy ? new Instruction(Op.Fork, done, again) : new Instruction(Op.Fork, again, done);
}
