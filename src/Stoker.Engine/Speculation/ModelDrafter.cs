using Stoker.Engine.KvCache;
using Stoker.Engine.Models;
using Stoker.Engine.Sampling;
using Stoker.Engine.Scheduling;

namespace Stoker.Engine.Speculation;

/// <summary>Drafts what a smaller model of the same vocabulary holds for most likely.</summary>
/// <remarks>
/// Its keys and values lie under the target's block ids in a store of its own with as many blocks: a sequence has one table for both,
/// and what is given back is given back once. A proposal is one pass over what the drafter has not computed of each sequence yet
/// (mostly its last one or two tokens; after a pause all since), which gives the first drafts, and then a pass of one row each for each
/// further draft. Passes hold all sequences together.
/// A block that was found in the prefix cache has the drafter's values too if the drafter had completed it since the block was last
/// handed out; where it had not, they are computed again.
/// </remarks>
internal sealed class ModelDrafter : IDrafter
{
    /// <summary>Missing tokens of one sequence that make its drafts wait for nobody: more are a catch-up, which comes after all others.</summary>
    private const int Short = SequenceDrafts.Most + 1;

    /// <summary>Missing tokens of one that drafts in every step: its last one, and where all were accepted the last draft.</summary>
    private const int Usual = 2;

    /// <summary>Rows from which on a pass tells what a row of a long one costs, and of a catch-up in any case.</summary>
    private const int Long = 64;

    /// <summary>Of a step's time: streams wait for a catch-up too.</summary>
    private const double CatchUpShare = 0.25;

    private readonly ILanguageModel _model;
    private readonly KvStore _kv;
    private readonly StepBatch _batch;
    private readonly float[] _logits;
    private readonly int _vocabularySize, _drawable;
    private readonly CompletedBlocks _completed;
    private readonly List<Sequence> _drafting;
    private readonly int[] _token = new int[1];
    private readonly TimeProvider _time;
    private readonly double _catchUpMicroseconds;
    private double _microsecondsPerRow; // of long passes; 0 before the first

    /// <param name="model">Somebody else's; its threads are free while this drafts.</param>
    /// <param name="kv">Owned from here on; as many blocks as the pool has.</param>
    /// <param name="drawable">Ids below are tokens.</param>
    public ModelDrafter(ILanguageModel model, KvStore kv, BlockPool pool, StepLimits limits, int drawable, TimeProvider time)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(kv.BlockCount, pool.Count, nameof(kv));
        (_model, _kv, _completed, _time) = (model, kv, new(pool), time);
        (_vocabularySize, _drawable) = (model.Shape.VocabularySize, Math.Min(drawable, model.Shape.VocabularySize));
        _batch = new(limits.StepTokens, limits.MaxSequences);
        _logits = new float[checked(limits.MaxSequences * _vocabularySize)];
        _drafting = new(limits.MaxSequences);
        _catchUpMicroseconds = limits.StepMicroseconds * CatchUpShare;
    }

    public DraftKind Kind => DraftKind.Model;

    public RowCost PassCost { get; } = new();

    /// <summary>Bytes of a step's buffers, for planning memory.</summary>
    public static long StepBytes(ModelShape shape, StepLimits limits) =>
        (sizeof(float) * (long)limits.MaxSequences * shape.VocabularySize) + shape.WorkspaceBytes
        + (limits.StepTokens * (shape.WorkspaceBytesPerRow + StepBatch.BytesPerRow));

    /// <summary>Bytes of a block of the target's cache that the drafter adds.</summary>
    public static long BlockBytes(ModelShape shape, KvFormat format) => (shape.KvBytesPerToken(format) * KvStore.BlockSize) + sizeof(uint);

    public int Room(Sequence sequence) => _model.Shape.ContextLength + 1 - sequence.TokenCount; // the last draft is not computed

    /// <summary>Of one that it has not met all of its prompt: what of that the cache has shows when it is looked for.</summary>
    public int CatchUp(Sequence sequence)
    {
        var drafts = sequence.Drafts;
        var drafted = drafts.DraftedSince == sequence.Preemptions ? drafts.Drafted : 0;
        return Math.Max(sequence.TokenCount - drafted - Usual, 0);
    }

    public void Propose(IReadOnlyList<Sequence> sequences)
    {
        _batch.Clear();
        _drafting.Clear();
        for (var index = 0; index < sequences.Count; index++) Begin(sequences[index]);
        AddMissing(sequences, late: false);
        AddMissing(sequences, late: true);
        if (_batch.RowCount == 0) return;
        Pass();
        while (_drafting.Count > 0)
        {
            _batch.Clear();
            foreach (var sequence in _drafting) AddDraft(sequence);
            Pass();
        }
    }

    /// <summary>Keys and values behind the first rejected draft are of a text that is not.</summary>
    public void Computed(in PlannedRows rows, int final)
    {
        var drafts = ((Sequence)rows.Sequence).Drafts;
        drafts.Drafted = Math.Min(drafts.Drafted, rows.FirstPosition + final);
    }

    public bool Calibrate(BlockTable table, int rows)
    {
        if (rows > _batch.MaxRows || rows > _model.Shape.ContextLength) return false;
        _batch.Clear();
        _drafting.Clear();
        _batch.Add(new int[rows], 0, table.Array, LogitRows.Last);
        var start = _time.GetTimestamp();
        Forward();
        PassCost.Calibrate(rows, _time.GetElapsedTime(start).TotalMicroseconds);
        return true;
    }

    public void Dispose() => _kv.Dispose();

    /// <summary>What the drafter has of a sequence that it meets for the first time, or again after a preemption: what its blocks hold.</summary>
    private void Begin(Sequence sequence)
    {
        var drafts = sequence.Drafts;
        if (drafts.DraftedSince == sequence.Preemptions)
        {
            drafts.Drafted = Math.Min(drafts.Drafted, sequence.TokenCount - 1); // the last token's logits are needed
            return;
        }
        var blocks = sequence.Table.BlockSpan;
        var (full, known) = ((sequence.TokenCount - 1) / KvStore.BlockSize, 0);
        while (known < full && _completed.Has(blocks[known])) known++;
        (drafts.DraftedSince, drafts.Drafted, drafts.DraftedBlocks) = (sequence.Preemptions, known * KvStore.BlockSize, known);
    }

    /// <summary>Those that lack a long piece come last, with the rows that are left, and draft when they have it all.</summary>
    private void AddMissing(IReadOnlyList<Sequence> sequences, bool late)
    {
        var rows = late ? Math.Min(CatchUpRows(), _batch.MaxRows - _batch.RowCount) : _batch.MaxRows;
        for (var index = 0; index < sequences.Count; index++)
        {
            var sequence = sequences[index];
            var (first, missing) = (sequence.Drafts.Drafted, sequence.TokenCount - sequence.Drafts.Drafted);
            if (missing > Short != late) continue;
            var count = Math.Min(missing, rows);
            if (count == 0) return;
            rows -= count;
            var whole = count == missing;
            _batch.Add(sequence.Tokens.Slice(first, count), first, sequence.Table.Array, whole ? LogitRows.Last : LogitRows.None);
            sequence.Drafts.Drafted = first + count;
            NoteComplete(sequence);
            if (whole) _drafting.Add(sequence);
        }
    }

    private int CatchUpRows() => _catchUpMicroseconds == 0 || _microsecondsPerRow == 0
        ? _batch.MaxRows
        : (int)Math.Clamp(_catchUpMicroseconds / _microsecondsPerRow, Long, Math.Max(Long, _batch.MaxRows));

    private void AddDraft(Sequence sequence)
    {
        var drafts = sequence.Drafts;
        _token[0] = drafts.Tokens[^1];
        _batch.Add(_token, drafts.Drafted, sequence.Table.Array, LogitRows.Last);
        drafts.Drafted++;
    }

    /// <summary>Rows of final tokens fill blocks; they are in the store before anybody looks for them.</summary>
    private void NoteComplete(Sequence sequence)
    {
        var blocks = sequence.Table.BlockSpan;
        var drafts = sequence.Drafts;
        for (; drafts.DraftedBlocks < drafts.Drafted / KvStore.BlockSize; drafts.DraftedBlocks++)
        {
            _completed.Add(blocks[drafts.DraftedBlocks]);
        }
    }

    /// <summary>One pass; each sequence that drafts has a row of logits, gets its next draft, and stays if it may have more.</summary>
    private void Pass()
    {
        var start = _time.GetTimestamp();
        Forward();
        var stay = 0;
        for (var index = 0; index < _drafting.Count; index++)
        {
            var sequence = _drafting[index];
            var token = RowMath.Highest(_logits.AsSpan(index * _vocabularySize, _drawable));
            if (token >= 0 && sequence.Drafts.Add(token)) _drafting[stay++] = sequence;
        }
        _drafting.RemoveRange(stay, _drafting.Count - stay);
        var elapsed = _time.GetElapsedTime(start).TotalMicroseconds;
        PassCost.Observe(_batch.RowCount, elapsed);
        if (_batch.RowCount >= Long) _microsecondsPerRow = elapsed / _batch.RowCount;
    }

    private void Forward() => _model.Forward(_batch, _kv, _logits.AsSpan(0, _batch.LogitRowCount * _vocabularySize));
}
