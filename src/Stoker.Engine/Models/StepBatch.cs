using Stoker.Engine.KvCache;

namespace Stoker.Engine.Models;

/// <summary>For which rows of a sequence the step computes logits.</summary>
internal enum LogitRows
{
    /// <summary>No row: a chunk of a prompt that is not its last.</summary>
    None,

    /// <summary>The last row: the next token is wanted.</summary>
    Last,

    /// <summary>Every row: echo with log-probabilities, or verification of drafts.</summary>
    All,
}

/// <summary>
/// What one step computes: rows (token, position) of several sequences. Reused from step to step, without allocation.
/// </summary>
/// <remarks>
/// The rows of one sequence are consecutive positions and stand together; a sequence is added at most once a step. Rows
/// see the keys that the store holds and those that the step writes, also of another sequence whose blocks theirs
/// begins with (choices of one request). Prefill, chunks, decode and verification differ in the number of rows only.
/// </remarks>
internal sealed class StepBatch
{
    public const int NoAddon = -1;

    /// <summary>Bytes that one row takes, for planning memory.</summary>
    public const int BytesPerRow = 4 * sizeof(int);

    private readonly int[] _tokens;
    private readonly int[] _positions;
    private readonly int[] _sequenceOfRow;
    private readonly int[] _logitRows;
    private readonly int[][] _blockTables;
    private readonly int[] _firstRows; // of each sequence
    private readonly int[] _addons; // of each sequence

    public StepBatch(int maxRows, int maxSequences)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxRows);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxSequences);
        (_tokens, _positions) = (new int[maxRows], new int[maxRows]);
        (_sequenceOfRow, _logitRows) = (new int[maxRows], new int[maxRows]);
        (_blockTables, _firstRows, _addons) = (new int[maxSequences][], new int[maxSequences], new int[maxSequences]);
    }

    public int MaxRows => _tokens.Length;

    public int MaxSequences => _blockTables.Length;

    public int RowCount { get; private set; }

    public int SequenceCount { get; private set; }

    public int LogitRowCount { get; private set; }

    public ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, RowCount);

    /// <summary>Absolute position of each row in its sequence.</summary>
    public ReadOnlySpan<int> Positions => _positions.AsSpan(0, RowCount);

    /// <summary>The rows that have logits, ascending: entry i is the row behind logits row i.</summary>
    public ReadOnlySpan<int> RowsWithLogits => _logitRows.AsSpan(0, LogitRowCount);

    /// <summary>Whether a row is computed with an addon.</summary>
    public bool HasAddons { get; private set; }

    public void Clear()
    {
        Array.Clear(_blockTables, 0, SequenceCount); // holds on to no finished sequence's table
        (RowCount, SequenceCount, LogitRowCount, HasAddons) = (0, 0, 0, false);
    }

    /// <summary>Adds the next rows of one sequence.</summary>
    /// <param name="blockTable">Entry i is the block that holds positions 32i..32i+31. Read during the step: leave it
    /// alone until then.</param>
    /// <param name="addon">Slot of the addon that they are computed with; <see cref="NoAddon"/>: the base model.</param>
    /// <returns>
    /// Index of the first of its rows in the logits; meaningless when <paramref name="logits"/> is None.
    /// </returns>
    public int Add(ReadOnlySpan<int> tokens, int firstPosition, int[] blockTable, LogitRows logits, int addon = NoAddon)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(firstPosition);
        ArgumentOutOfRangeException.ThrowIfZero(tokens.Length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(tokens.Length, MaxRows - RowCount, nameof(tokens));
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(SequenceCount, MaxSequences);
        var blocksNeeded = (firstPosition + (long)tokens.Length + KvStore.BlockSize - 1) / KvStore.BlockSize;
        ArgumentOutOfRangeException.ThrowIfLessThan(blockTable.Length, blocksNeeded, nameof(blockTable));

        var firstLogitRow = LogitRowCount;
        _firstRows[SequenceCount] = RowCount;
        for (var i = 0; i < tokens.Length; i++, RowCount++)
        {
            (_tokens[RowCount], _positions[RowCount], _sequenceOfRow[RowCount]) = (tokens[i], firstPosition + i, SequenceCount);
            if (logits == LogitRows.All || (logits == LogitRows.Last && i == tokens.Length - 1))
            {
                _logitRows[LogitRowCount++] = RowCount;
            }
        }

        (_addons[SequenceCount], HasAddons) = (addon, HasAddons || addon != NoAddon);
        _blockTables[SequenceCount++] = blockTable;
        return firstLogitRow;
    }

    /// <summary>The rows of one sequence, which stand together.</summary>
    public (int First, int Count) RowsOf(int sequence)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)sequence, (uint)SequenceCount, nameof(sequence));
        var end = sequence + 1 < SequenceCount ? _firstRows[sequence + 1] : RowCount;
        return (_firstRows[sequence], end - _firstRows[sequence]);
    }

    /// <summary>Slot of the addon that a row is computed with, or <see cref="NoAddon"/>.</summary>
    public int AddonOf(int row) => _addons[_sequenceOfRow[row]];

    /// <summary>The block table of the sequence that a row belongs to.</summary>
    public int[] BlockTable(int row) => _blockTables[_sequenceOfRow[row]];
}
