using System.Runtime.InteropServices;
using Stoker.Engine.Models;
using Stoker.Engine.Scheduling;

namespace Stoker.Engine.Speculation;

/// <summary>States of the target that the head has not been given yet, by sequence: memory of a fixed size.</summary>
/// <remarks>
/// A run is what one step computed of one sequence. Of each sequence the last state stays when the others were taken: drafts begin
/// with it, also where a second proposal comes before the next step. Runs of sequences that ended or were preempted are dropped when they are met.
/// Rows: new states; two halves in turn for those that stay; the head's own; one of zeros.
/// </remarks>
internal sealed class PairBuffer : IDisposable
{
    private readonly int _newRows, _sequences;
    private readonly List<Run> _runs;
    private int _used, _half;

    /// <param name="newRows">States of a step at most.</param>
    public PairBuffer(int newRows, int sequences, int width)
    {
        (_newRows, _sequences) = (newRows, sequences);
        _runs = new(newRows + (2 * sequences));
        States = new(RowsFor(newRows, sequences), width);
        States[Zero].Clear();
    }

    public RowBuffer States { get; }

    /// <summary>Where a pass leaves what stands in for the next states, by row with logits.</summary>
    public int FirstOwn => _newRows + (2 * _sequences);

    /// <summary>A state of zeros, for pairs whose states nobody has.</summary>
    public int Zero => FirstOwn + _sequences;

    /// <summary>States that came since the last were taken.</summary>
    public int NewCount => _used;

    private Span<Run> Runs => CollectionsMarshal.AsSpan(_runs);

    public static int RowsFor(int newRows, int sequences) => newRows + (3 * sequences) + 1;

    public bool HasRoom(int count) => _used + count <= _newRows;

    /// <summary>Room for the states of these positions; the caller fills them in.</summary>
    /// <returns>Their first row.</returns>
    public int Append(Sequence sequence, int firstPosition, int count)
    {
        _runs.Add(new(sequence, sequence.Preemptions, firstPosition, count, _used));
        _used += count;
        return _used - count;
    }

    /// <summary>Begins to take all there is: <see cref="Take"/> until it gives nothing, then <see cref="Keep"/> what is to stay, then <see cref="End"/>.</summary>
    public int Begin() => _runs.Count;

    /// <summary>Takes all runs of the sequence of the run at <paramref name="index"/>; they are one piece of its positions.</summary>
    /// <param name="slots">By position: its row.</param>
    /// <returns>Null: taken already, or of a sequence that is no more.</returns>
    public Piece? Take(int index, Span<int> slots)
    {
        if (Runs[index].Sequence is not { } sequence) return null;
        var (first, count) = (0, 0);
        foreach (ref var run in Runs[index..])
        {
            if (run.Sequence != sequence) continue;
            if (!sequence.IsGone && run.Preemptions == sequence.Preemptions)
            {
                if (run.FirstPosition != first + count) (first, count) = (run.FirstPosition, 0); // what lay before a gap is of no use
                for (var row = 0; row < run.Count; row++) slots[count++] = run.FirstRow + row;
            }

            run = default;
        }

        return count == 0 ? null : new(sequence, first, count);
    }

    /// <summary>The state of a position stays. At most once for each sequence.</summary>
    /// <param name="kept">Of those that stay, from 0 on.</param>
    public void Keep(Sequence sequence, int position, int row, int kept)
    {
        var place = _newRows + ((1 - _half) * _sequences) + kept;
        States[row].CopyTo(States[place]);
        _runs.Add(new(sequence, sequence.Preemptions, position, 1, place));
    }

    /// <param name="begun">What <see cref="Begin"/> said.</param>
    public void End(int begun)
    {
        _runs.RemoveRange(0, begun);
        (_used, _half) = (0, 1 - _half);
    }

    /// <summary>All there is, for good.</summary>
    public void Forget()
    {
        _runs.Clear();
        _used = 0;
    }

    public void Dispose() => States.Dispose();

    private record struct Run(Sequence? Sequence, int Preemptions, int FirstPosition, int Count, int FirstRow);
}

/// <summary>Consecutive positions of one sequence whose states are there.</summary>
internal readonly record struct Piece(Sequence Sequence, int First, int Count)
{
    public int End => First + Count;
}
