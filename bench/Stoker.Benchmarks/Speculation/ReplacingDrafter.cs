using Stoker.Engine.KvCache;
using Stoker.Engine.Scheduling;
using Stoker.Engine.Speculation;

namespace Stoker.Benchmarks.Speculation;

/// <summary>
/// A drafter that does all its work, and whose tokens are then replaced: by the answer's own with a given probability, else by others. So
/// acceptance is what the bench says while drafting costs what it costs.
/// </summary>
internal sealed class ReplacingDrafter(IDrafter inner) : IDrafter
{
    private readonly Dictionary<(int, int), int[]> _answers = [];

    public DraftKind Kind => inner.Kind;

    public RowCost? PassCost => inner.PassCost;

    public bool IsPaused
    {
        get => inner.IsPaused;
        set => inner.IsPaused = value;
    }

    /// <summary>Of a draft whose predecessors were all accepted.</summary>
    public double Acceptance { get; set; }

    /// <summary>Drafts since <see cref="Begin"/> whose predecessors were all right, and those of them that were right too.</summary>
    public int Tried { get; private set; }

    public int Right { get; private set; }

    public void Begin(double acceptance) => (Acceptance, Tried, Right) = (acceptance, 0, 0);

    /// <summary>Prompts differ in their first two tokens.</summary>
    public void Know(int[] prompt, int[] answer)
    {
        lock (_answers) _answers[(prompt[0], prompt[1])] = answer;
    }

    public void Propose(IReadOnlyList<Sequence> sequences)
    {
        inner.Propose(sequences);
        foreach (var sequence in sequences) Replace(sequence);
    }

    public int Room(Sequence sequence) => inner.Room(sequence);

    public int CatchUp(Sequence sequence) => inner.CatchUp(sequence);

    public void Computed(in PlannedRows rows, int final) => inner.Computed(rows, final);

    public bool Calibrate(BlockTable table, int rows) => inner.Calibrate(table, rows);

    public void Dispose() => inner.Dispose();

    private void Replace(Sequence sequence)
    {
        int[]? answer;
        lock (_answers) answer = _answers.GetValueOrDefault((sequence.Tokens[0], sequence.Tokens[1]));
        var (drafts, prompt) = (sequence.Drafts, sequence.Tokens[0]);
        var count = drafts.Count;
        drafts.Keep(0);
        var isReached = true;
        for (var index = 0; index < count; index++)
        {
            var at = sequence.Generated + index;
            if (answer is null || at >= answer.Length) return;
            var isRight = Uniform(prompt, at) < Acceptance;
            if (isReached) (Tried, Right, isReached) = (Tried + 1, Right + (isRight ? 1 : 0), isRight);
            drafts.Add(isRight ? answer[at] : answer[at] == 0 ? 1 : answer[at] - 1);
        }
    }

    /// <summary>The same for one place of one answer, so that each run meets the same drafts.</summary>
    private static double Uniform(int prompt, int position)
    {
        var value = ((ulong)(uint)prompt << 32) + (uint)position;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9UL;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EBUL;
        return ((value ^ (value >> 31)) >> 11) * (1.0 / (1UL << 53));
    }
}
