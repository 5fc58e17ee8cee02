namespace Stoker.Engine.Scheduling;

// Blocks of drafts: lent for one step, and given back where the drafts were not accepted.
internal sealed partial class Scheduler
{
    /// <summary>
    /// Blocks that drafts may take in the next step: what the decodes in it leave, and none while a sequence waits for some. Below
    /// 0: not even the decodes have enough.
    /// </summary>
    public int BlocksForDrafts()
    {
        var free = pool.FreeCount;
        foreach (var sequence in _running)
        {
            if (sequence.Gap == 1) free -= Math.Max(0, limits.BlocksFor(sequence.TokenCount) - sequence.Table.Count);
        }
        return _waiting.Count > 0 && _running.Count < limits.MaxSequences ? Math.Min(free, 0) : free;
    }

    /// <summary>Running sequences that lack their last token alone.</summary>
    public int CountDecodes() => StepPlanner.CountDecodes(_running);

    /// <summary>Takes blocks for drafts behind a sequence's last token.</summary>
    /// <param name="wanted">Drafts.</param>
    /// <param name="spare">Blocks that are free for drafts.</param>
    /// <returns>Drafts that have their place; never more than wanted.</returns>
    public int Lend(SequenceState sequence, int wanted, ref int spare)
    {
        if (spare >= 0) // the decode's own block is there as well
        {
            var own = Math.Max(sequence.Table.Count, limits.BlocksFor(sequence.TokenCount));
            var more = Math.Clamp(limits.BlocksFor(sequence.TokenCount + wanted) - own, 0, spare);
            spare -= more;
            sequence.Table.GrowTo(own + more);
        }
        return Math.Clamp((sequence.Table.Count * limits.BlockSize) - sequence.TokenCount, 0, wanted);
    }

    /// <summary>Drafts have become tokens of the sequence, and their rows are in the blocks.</summary>
    public void Accept(SequenceState sequence, int count)
    {
        if (count > 0) Compute(sequence, sequence.Computed + count);
    }

    /// <summary>Gives back the blocks that no computed token lies in: all is as if there had been no drafts.</summary>
    public void ReturnLent(SequenceState sequence)
    {
        if (sequence is { Reserved: false, Gap: <= 1 }) sequence.Table.ShrinkTo(limits.BlocksFor(sequence.Computed));
    }
}
