namespace Stoker.Engine.Speculation;

/// <summary>Decides which sequences of a turn get how many drafts, and learns from what the turn then took. Without a clock: the same turns lead to the same decisions.</summary>
/// <remarks>
/// 1. By estimate: <see cref="DraftBudget"/> gives what brings the most tokens in the time, from <see cref="DraftCosts"/> and the acceptance of each sequence.
/// 2. By account: what it gives must, even if all of it is rejected, find room in the <see cref="DraftLedger"/>s of the
///    sequences and of the engine; else less is tried. So estimates may be wrong, and answers still take no more than a share longer. What a
///    drafter must catch up with before its first draft, a long prompt mostly, may come out of what drafting has gained lately.
/// 3. Sequences that get nothing, or fewer than would be good were rows cheap, are probed now and then, where there is room.
/// A turn is from the beginning of a step to the beginning of the next, so whatever drafting costs anywhere in it is counted.
/// </remarks>
internal sealed class AdaptiveDrafts(RowCost? pass)
{
    /// <summary>Of the time of a sequence's tokens, prompt included, that drafting may lose it.</summary>
    public const double SequenceShare = 0.025;

    /// <summary>The same of all sequences together: a drafter that loses on one answer after the other has little left to try with.</summary>
    public const double EngineShare = 0.01;

    private const int SequenceStart = 40, SequenceMost = 8; // turns
    private const int EngineStart = 200, EngineMost = 64;
    private const int PlainEvery = 64; // turns with drafts; else nobody would know what one without costs today
    private const double Outlier = 2; // of what was expected: a lost time slice is not the drafts' fault
    private const double Lent = 0.25; // of what drafting has gained lately: for prompts that the drafter must catch up with

    private readonly DraftLedger _engine = new(EngineShare, EngineStart, EngineMost);
    private int _sincePlain;
    private double _funded; // of the turn in progress: what the gains pay, and no sequence
    private double _proposing; // expected of the turn in progress

    public DraftCosts Costs { get; } = new(pass);

    public static DraftLedger NewLedger() => new(SequenceShare, SequenceStart, SequenceMost);

    /// <param name="owners">Of the candidates.</param>
    /// <param name="decodes">Sequences that get a token in the turn.</param>
    /// <param name="rows">Drafts in all at most.</param>
    public void Allot(Span<DraftCandidate> candidates, ReadOnlySpan<SequenceDrafts> owners, int decodes, int rows)
    {
        var plain = Costs.Verify.Knows(decodes) && _sincePlain < PlainEvery ? Costs.Plain(decodes) : 0;
        (_proposing, _funded) = (0, 0);
        Clear(candidates);
        if (plain == 0 || Room(owners, plain, decodes) is var room && room <= 0) return;
        var given = Give(candidates, decodes, rows, room, Math.Min(Lent * _engine.Gain, _engine.Room(plain)));
        Probe(candidates, owners, decodes, given, rows, room);
        _proposing = Costs.Proposing(candidates, plain);
    }

    /// <summary>What a turn took; before the next is decided.</summary>
    /// <param name="parts">The sequences in it.</param>
    public void Observe(ReadOnlySpan<TurnPart> parts, in DraftTurn turn)
    {
        if (turn.IsPure) ObservePure(parts, turn);
        else ObserveMixed(parts, turn);
    }

    private static void Clear(Span<DraftCandidate> candidates)
    {
        foreach (ref var candidate in candidates) candidate.Drafts = 0;
    }

    /// <param name="bank">Microseconds that catching up may take.</param>
    private int Give(Span<DraftCandidate> candidates, int decodes, int rows, double room, double bank)
    {
        for (var limit = rows; limit > 0;)
        {
            var given = DraftBudget.Decide(candidates, decodes, limit, Costs);
            if (given == 0) return 0;
            var worst = Costs.AtWorst(candidates, decodes);
            if (worst <= room) return given;
            var catchUp = Costs.CatchingUp(candidates);
            if (catchUp <= bank && worst - catchUp <= room)
            {
                _funded = catchUp;
                return given;
            }

            limit = given / 2;
        }

        Clear(candidates);
        return 0;
    }

    /// <param name="total">Drafts given so far.</param>
    /// <param name="rows">Drafts in all at most.</param>
    private void Probe(Span<DraftCandidate> candidates, ReadOnlySpan<SequenceDrafts> owners, int decodes, int total, int rows, double room)
    {
        for (var index = 0; index < candidates.Length; index++)
        {
            ref var candidate = ref candidates[index];
            var (state, given, good) = (owners[index].State, candidate.Drafts, DraftBudget.Good(candidate));
            if (candidate.Most == 0 || !state.Decide(given, good, decodes) || total == rows) continue;
            var more = Math.Min(good - given, rows - total);
            if (given > 0 && Costs.Verify.SawLately(decodes + total + more)) continue; // so many rows are as dear as that
            candidate.Drafts = given + more;
            while (candidate.Drafts > given && Costs.AtWorst(candidates, decodes) > room) candidate.Drafts = (given + candidate.Drafts) / 2;
            if (candidate.Drafts > given) state.Probes();
            total += candidate.Drafts - given;
        }
    }

    /// <summary>Microseconds that this turn's drafts may lose. Sequences of a turn lend each other theirs: it is as long for all of them.</summary>
    private double Room(ReadOnlySpan<SequenceDrafts> owners, double plain, int decodes)
    {
        var room = 0.0;
        foreach (var owner in owners) room += owner.Ledger.Room(plain / decodes);
        return Math.Min(room, _engine.Room(plain));
    }

    private void ObservePure(ReadOnlySpan<TurnPart> parts, in DraftTurn turn)
    {
        var known = Costs.Verify.Knows(turn.Decodes);
        var verifying = turn.Microseconds - turn.Proposing;
        var plain = known ? Costs.Plain(turn.Decodes) : verifying;
        if (known) verifying = Math.Min(verifying, Outlier * Math.Max(Costs.Of(turn.Rows), plain));
        Costs.Verify.Observe(turn.Rows, turn.Microseconds - turn.Proposing);
        _sincePlain = turn.Drafts == 0 ? 0 : _sincePlain + 1;
        if (turn is { Drafts: 0, Asked: 0 }) NotePlain(parts, verifying, turn.Rows);
        else NoteDrafted(parts, turn, plain, (turn.Drafts == 0 ? 0 : verifying - plain) + Proposing(turn, plain));
    }

    private void ObserveMixed(ReadOnlySpan<TurnPart> parts, in DraftTurn turn)
    {
        NotePlain(parts, turn.Microseconds - turn.Proposing, turn.Rows);
        if (turn is { Drafts: 0, Asked: 0 } || turn.Decodes == 0 || !Costs.Verify.Knows(turn.Decodes)) return;
        var plain = Costs.Plain(turn.Decodes);
        var rows = Math.Max(Costs.Of(turn.Decodes + turn.Drafts) - plain, 0);
        NoteDrafted(parts, turn, plain, rows + Proposing(turn, plain));
    }

    private void NotePlain(ReadOnlySpan<TurnPart> parts, double microseconds, int rows)
    {
        foreach (ref readonly var part in parts) part.Owner.Ledger.Note(microseconds * (part.Rows - part.Drafts) / rows, 0, microseconds * part.Rows / rows);
        _engine.Note(microseconds, 0, microseconds);
    }

    /// <summary>Each pays for its own drafts, by their rows, and gains by its own tokens.</summary>
    /// <param name="plain">The turn without drafts.</param>
    /// <param name="more">That it took longer.</param>
    private void NoteDrafted(ReadOnlySpan<TurnPart> parts, in DraftTurn turn, double plain, double more)
    {
        var (one, weights, own) = (plain / turn.Decodes, 0, Math.Max(more - _funded, 0));
        foreach (ref readonly var part in parts) weights += part.Weight;
        foreach (ref readonly var part in parts)
        {
            var gain = part.Accepted * one;
            part.Owner.Ledger.Note((turn.IsPure ? one : 0) + gain, (weights == 0 ? 0 : own * part.Weight / weights) - gain, one);
        }

        var gained = turn.Accepted * one;
        _engine.Note((turn.IsPure ? plain : 0) + gained, more - gained, plain);
    }

    private double Proposing(in DraftTurn turn, double plain)
    {
        if (turn.Asked == 0) return 0;
        Costs.Observe(turn.Asked, turn.Proposing, _proposing);
        return Math.Min(turn.Proposing, Math.Max(2 * Outlier * _proposing, plain));
    }
}
