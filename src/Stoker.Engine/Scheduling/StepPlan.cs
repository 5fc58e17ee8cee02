namespace Stoker.Engine.Scheduling;

/// <summary>Which rows' logits the forward pass is to return.</summary>
internal enum WantedLogits { None, Last, All }

/// <summary>Rows of one sequence in a step.</summary>
internal readonly record struct PlannedRows(SequenceState Sequence, int FirstPosition, int Count, WantedLogits Logits)
{
    /// <summary>The last of the rows are of so many drafts, which the step verifies; the others are of final tokens.</summary>
    public int Drafts { get; init; }

    /// <summary>The first of them among the rows of the step; the plan's to say.</summary>
    public int FirstRow { get; init; }
}

/// <summary>A sequence that begins (again) in a step.</summary>
/// <param name="Blocks">Blocks to hold in all.</param>
/// <param name="ShareFrom">A choice of the same request whose first <paramref name="SharedBlocks"/> blocks it takes
/// over; null where they were found in the prefix cache.</param>
/// <param name="FirstFound">Where in <see cref="StepPlan.Found"/> the blocks are that were found.</param>
internal readonly record struct PlannedAdmission(
    SequenceState Sequence, int Blocks, bool Reserve, SequenceState? ShareFrom, int SharedBlocks, int FirstFound);

/// <summary>
/// What one step does, in this order: preempt, admit, compute. The lists are reused from step to step.
/// </summary>
internal sealed class StepPlan
{
    /// <summary>Newest first.</summary>
    public List<SequenceState> Preempt { get; } = [];

    public List<PlannedAdmission> Admit { get; } = [];

    /// <summary>Blocks of the prefix cache that admitted sequences begin with, one sequence's after the other's.</summary>
    public List<int> Found { get; } = [];

    public List<PlannedRows> Rows { get; } = [];

    public int RowCount => Work.Rows;

    public StepWork Work { get; private set; }

    /// <summary>Rows that continue an answer, those of drafts too; all others compute prompts, or again what a preemption lost.</summary>
    public int DecodeRows { get; private set; }

    /// <summary>Rows of drafts that the step did not accept: known when it is over.</summary>
    public int RejectedRows { get; set; }

    /// <summary>A sequence waits for something that only it needs.</summary>
    public bool PassedOver { get; set; }

    public void Clear()
    {
        PassedOver = false;
        Preempt.Clear();
        Admit.Clear();
        Found.Clear();
        Rows.Clear();
        (Work, DecodeRows, RejectedRows) = (default, 0, 0);
    }

    public void Add(PlannedRows rows)
    {
        Rows.Add(rows with { FirstRow = RowCount });
        if (rows.Count == 1 + rows.Drafts && rows.FirstPosition >= rows.Sequence.PromptLength) DecodeRows += rows.Count;
        Work = Work.Plus(rows.FirstPosition, rows.Count, LogitRows(rows));
    }

    private static int LogitRows(PlannedRows rows) => rows.Logits switch
    {
        WantedLogits.All => rows.Count,
        WantedLogits.Last => 1,
        _ => 0,
    };
}
