using Stoker.Engine.KvCache;
using Stoker.Engine.Models;
using Stoker.Engine.Sampling;
using Stoker.Engine.Scheduling;

namespace Stoker.Engine.Speculation;

/// <summary>Drafts with an EAGLE head: a chain that begins with the target's own state of the last computed position.</summary>
/// <remarks>
/// Pair i is (the target's state at i, token i + 1). After each step the states of its final rows are copied; at the next proposal their pairs go
/// through the head in one pass, which writes their keys and values over those of drafts, and gives the first draft of each
/// sequence that is asked for. Each further one is a pass of one row, with what the head made itself in place of the state.
/// States of sequences that are paused, and of prompts, wait in a buffer of one step's rows; when it is full they go through the head as history
/// alone, which costs a hundredth or two of what the target's rows did. While nobody has been drafted for for long, states of answers are forgotten instead:
/// beside lone decodes of a small model even that would show.
/// Blocks that were found in the prefix cache: keys and values lie under the target's block ids and serve whoever finds the block. The pair
/// at a block's end depends on the token behind it, which may be another one for each finder: it is left as the block's first owner had it, one key among many.
/// Where the head had not completed a block (its owner ended before), nobody has the states any more: its pairs are then made of their
/// tokens and states of zeros, once. Both can cost acceptance, and cannot change an answer.
/// A chain and no tree: each node of a tree is a row to verify and a token can be taken from one branch only, and on a CPU rows beyond a few
/// cost nearly in proportion, so that what a tree gains in tokens its rows cost.
/// </remarks>
internal sealed class EagleDrafter : IDrafter
{
    /// <summary>History for each sequence that is asked for, beyond which it goes through a pass of its own, without attention.</summary>
    private const int LongHistory = 2 * SequenceDrafts.Most;

    private readonly EagleHead _head;
    private readonly KvStore _kv;
    private readonly PairBuffer _pairs;
    private readonly StepBatch _batch;
    private readonly int[] _slots; // of the states, by row of the batch
    private readonly float[] _logits;
    private readonly int _drawable;
    private readonly CompletedBlocks _completed;
    private readonly List<Sequence> _drafting;
    private readonly List<Piece> _fed;
    private readonly int[] _token = new int[1];
    private readonly TimeProvider _time;

    /// <param name="head">Somebody else's, like its target, which keeps its states.</param>
    /// <param name="kv">Owned from here on; as many blocks as the pool has.</param>
    /// <param name="drawable">Ids below are tokens.</param>
    public EagleDrafter(EagleHead head, KvStore kv, BlockPool pool, StepLimits limits, int drawable, TimeProvider time)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(kv.BlockCount, pool.Count, nameof(kv));
        (_head, _kv, _completed, _time) = (head, kv, new(pool), time);
        _drawable = Math.Min(drawable, head.Shape.VocabularySize);
        _pairs = new(limits.StepTokens, limits.MaxSequences, head.Shape.HiddenSize);
        _batch = new(RowsFor(limits), limits.MaxSequences);
        _slots = new int[_batch.MaxRows];
        _logits = new float[checked(limits.MaxSequences * head.Shape.VocabularySize)];
        (_drafting, _fed) = (new(limits.MaxSequences), new(limits.MaxSequences));
        head.Reserve(_batch.MaxRows, limits.MaxSequences);
    }

    public DraftKind Kind => DraftKind.Eagle;

    public RowCost PassCost { get; } = new();

    public bool IsPaused { get; set; }

    /// <summary>Bytes of buffers, the target's states among them, for planning memory.</summary>
    public static long StepBytes(EagleHead head, StepLimits limits)
    {
        var stateRows = limits.StepTokens + PairBuffer.RowsFor(limits.StepTokens, limits.MaxSequences);
        return (stateRows * head.Target.StateBytesPerRow)
            + (limits.MaxSequences * (head.BytesPerLogitRow + (sizeof(float) * (long)head.Shape.VocabularySize))) + head.Shape.WorkspaceBytes
            + (RowsFor(limits) * (head.Shape.WorkspaceBytesPerRow + StepBatch.BytesPerRow + sizeof(int)));
    }

    public int Room(Sequence sequence) => _head.Shape.ContextLength + 2 - sequence.TokenCount; // pair i brings token i + 2

    public int CatchUp(Sequence sequence)
    {
        var drafts = sequence.Drafts;
        var drafted = drafts.DraftedSince == sequence.Preemptions ? drafts.Drafted : 0;
        return Math.Max(sequence.TokenCount - 1 - drafted - drafts.Accepted - 1, 0);
    }

    public void Propose(IReadOnlyList<Sequence> sequences)
    {
        if (!KnowAll(sequences))
        {
            Feed(); // what is not known may be on its way
            FillHoles(sequences);
        }
        else if (_pairs.NewCount > LongHistory * sequences.Count)
        {
            Feed();
        }

        AddPairs(isDrafting: true);
        if (_batch.RowCount > 0) Pass();
        while (_drafting.Count > 0)
        {
            _batch.Clear();
            _fed.Clear();
            foreach (var sequence in _drafting) AddDraft(sequence);
            Pass();
        }
    }

    public void Computed(in PlannedRows rows, int final)
    {
        final = Math.Min(final, _head.Shape.ContextLength - rows.FirstPosition); // what lies behind its context it never looks at
        if (final <= 0) return;
        var sequence = (Sequence)rows.Sequence;
        var drafts = sequence.Drafts;
        if (!_pairs.HasRoom(final))
        {
            if (IsPaused && rows.FirstPosition >= sequence.PromptLength) _pairs.Forget();
            else Feed();
        }

        if (drafts.DraftedSince != sequence.Preemptions)
        {
            (drafts.DraftedSince, drafts.Drafted, drafts.DraftedBlocks) = (sequence.Preemptions, rows.FirstPosition, 0);
        }

        var first = _pairs.Append(sequence, rows.FirstPosition, final);
        for (var row = 0; row < final; row++) _head.Target.State(rows.FirstRow + row).CopyTo(_pairs.States[first + row]);
    }

    public bool Calibrate(BlockTable table, int rows)
    {
        if (rows > _batch.MaxRows || rows > _head.Shape.ContextLength) return false;
        _batch.Clear();
        _batch.Add(new int[rows], 0, table.Array, LogitRows.Last);
        _slots.AsSpan(0, rows).Fill(_pairs.Zero);
        var start = _time.GetTimestamp();
        Forward();
        PassCost.Calibrate(rows, _time.GetElapsedTime(start).TotalMicroseconds);
        return true;
    }

    public void Dispose()
    {
        _head.Target.DropStates();
        _pairs.Dispose();
        _kv.Dispose();
    }

    /// <summary>The pairs of a step, and one that stayed of each sequence.</summary>
    private static int RowsFor(StepLimits limits) => limits.StepTokens + limits.MaxSequences;

    private bool KnowAll(IReadOnlyList<Sequence> sequences)
    {
        var all = true;
        for (var index = 0; index < sequences.Count; index++) all &= Knows(sequences[index]);
        return all;
    }

    /// <summary>Every full block that the head is past was completed by it, for this sequence or for another with the same prefix.</summary>
    private bool Knows(Sequence sequence)
    {
        var drafts = sequence.Drafts;
        var blocks = sequence.Table.BlockSpan;
        while ((drafts.DraftedBlocks + 1) * KvStore.BlockSize <= drafts.Drafted)
        {
            if (!_completed.Has(blocks[drafts.DraftedBlocks])) return false;
            drafts.DraftedBlocks++;
        }

        return true;
    }

    /// <summary>Pairs that nobody has the states of, one piece of each sequence at a time; until the last of them it gets no drafts.</summary>
    private void FillHoles(IReadOnlyList<Sequence> sequences)
    {
        _batch.Clear();
        _fed.Clear();
        for (var index = 0; index < sequences.Count; index++)
        {
            var sequence = sequences[index];
            if (Knows(sequence)) continue;
            var first = sequence.Drafts.DraftedBlocks;
            var blocks = sequence.Table.BlockSpan;
            var most = Math.Min(sequence.Drafts.Drafted / KvStore.BlockSize, first + ((_batch.MaxRows - _batch.RowCount) / KvStore.BlockSize));
            var end = first;
            while (end < most && !_completed.Has(blocks[end])) end++;
            if (end == first) continue;
            var (position, count) = (first * KvStore.BlockSize, (end - first) * KvStore.BlockSize);
            _slots.AsSpan(_batch.RowCount, count).Fill(_pairs.Zero);
            AddHistory(new(sequence, position, count), LogitRows.None);
        }

        if (_batch.RowCount == 0) return;
        Forward();
        NoteFed();
    }

    /// <summary>All pairs there are become history.</summary>
    private void Feed()
    {
        AddPairs(isDrafting: false);
        if (_batch.RowCount == 0) return;
        Forward();
        NoteFed();
    }

    private void AddPairs(bool isDrafting)
    {
        _batch.Clear();
        _fed.Clear();
        _drafting.Clear();
        var (runs, kept) = (_pairs.Begin(), 0);
        for (var index = 0; index < runs; index++)
        {
            var slots = _slots.AsSpan(_batch.RowCount);
            if (_pairs.Take(index, slots) is not { } piece) continue;
            var sequence = piece.Sequence;
            var last = Math.Min(piece.End, sequence.TokenCount - 1) - 1; // a pair needs the token behind it
            if (last < piece.First) continue;
            _pairs.Keep(sequence, last, slots[last - piece.First], kept++);
            // The one that had stayed is history already, but drafts begin with the last.
            var first = Math.Max(piece.First, Math.Min(sequence.Drafts.Drafted, last));
            slots[(first - piece.First)..piece.Count].CopyTo(slots);
            var count = last + 1 - first;
            var drafts = isDrafting && MayDraft(sequence, last);
            if (drafts) _drafting.Add(sequence);
            AddHistory(new(sequence, first, count), drafts ? LogitRows.Last : LogitRows.None);
        }

        _pairs.End(runs);
    }

    private bool MayDraft(Sequence sequence, int last)
    {
        var drafts = sequence.Drafts;
        return drafts is { Allowed: > 0, Kind: DraftKind.Eagle } && last == sequence.TokenCount - 2 && Knows(sequence);
    }

    private void AddHistory(Piece piece, LogitRows logits)
    {
        _batch.Add(piece.Sequence.Tokens.Slice(piece.First + 1, piece.Count), piece.First, piece.Sequence.Table.Array, logits);
        _fed.Add(piece);
    }

    private void AddDraft(Sequence sequence)
    {
        var drafts = sequence.Drafts;
        _token[0] = drafts.Tokens[^1];
        _batch.Add(_token, sequence.TokenCount - 2 + drafts.Count, sequence.Table.Array, LogitRows.Last);
    }

    /// <summary>Their keys and values are in the store: full blocks serve others from now on.</summary>
    private void NoteFed()
    {
        foreach (var piece in _fed)
        {
            var drafts = piece.Sequence.Drafts;
            var joins = piece.First <= drafts.Drafted; // else the block that it begins in lacks some
            var blocks = piece.Sequence.Table.BlockSpan;
            for (var index = (piece.First + (joins ? 0 : KvStore.BlockSize - 1)) / KvStore.BlockSize; index < piece.End / KvStore.BlockSize; index++)
            {
                _completed.Add(blocks[index]);
            }

            drafts.Drafted = Math.Max(drafts.Drafted, piece.End);
        }
    }

    /// <summary>One pass; each sequence that drafts has a row of logits, gets its next draft, and stays if it may have more.</summary>
    private void Pass()
    {
        var start = _time.GetTimestamp();
        Forward();
        NoteFed();
        var stay = 0;
        for (var index = 0; index < _drafting.Count; index++)
        {
            var sequence = _drafting[index];
            var token = RowMath.Highest(_logits.AsSpan(index * _head.Shape.VocabularySize, _drawable));
            if (token < 0 || !sequence.Drafts.Add(token)) continue;
            (_drafting[stay], _slots[stay]) = (sequence, _pairs.FirstOwn + index);
            stay++;
        }

        _drafting.RemoveRange(stay, _drafting.Count - stay);
        PassCost.Observe(_batch.RowCount, _time.GetElapsedTime(start).TotalMicroseconds);
    }

    private void Forward() => _head.Forward(
        _batch, _kv, _pairs.States, _slots, _pairs.FirstOwn, _logits.AsSpan(0, _batch.LogitRowCount * _head.Shape.VocabularySize));
}
