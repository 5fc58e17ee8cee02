namespace Stoker.Engine.Speculation;

/// <summary>Counts drafts, for <see cref="SpeculationStatistics"/>.</summary>
internal sealed class SpeculationTally
{
    private readonly long[] _drafted = new long[SequenceDrafts.Most], _accepted = new long[SequenceDrafts.Most];

    public void Verified(int drafts)
    {
        for (var position = 0; position < drafts; position++) _drafted[position]++;
    }

    /// <param name="position">From 1 on.</param>
    public void Accepted(int position) => _accepted[position - 1]++;

    public SpeculationStatistics Snapshot()
    {
        var positions = Array.IndexOf(_drafted, 0);
        if (positions < 0) positions = _drafted.Length;
        return new()
        {
            Verifications = _drafted[0],
            Drafted = _drafted.Sum(),
            Accepted = _accepted.Sum(),
            DraftedByPosition = _drafted[..positions],
            AcceptedByPosition = _accepted[..positions],
        };
    }
}
