using Stoker.Engine.Scheduling;
using Stoker.Engine.Speculation;
using Stoker.Engine.Tests.Scheduling;

namespace Stoker.Engine.Tests.Speculation;

/// <summary>Knows what comes, and is wrong where the test wants it: drafts of any quality.</summary>
/// <param name="wrongEvery">Every so manieth position of a text is drafted wrongly; 0: none, 1: all.</param>
internal sealed class ScriptedDrafter(int wrongEvery = 0) : IDrafter
{
    public DraftKind Kind => DraftKind.Model;

    /// <summary>Answers by request (in the order of submission, from 1 on) and choice.</summary>
    public Dictionary<(int Group, int Choice), int[]> Answers { get; } = [];

    public Action? OnPropose { get; set; }

    public Action? OnComputed { get; set; }

    /// <summary>Tokens that it was told of, by sequence.</summary>
    public Dictionary<Sequence, int> Told { get; } = [];

    public int Proposals { get; private set; }

    public bool IsDisposed { get; private set; }

    public void Know(int group, GenerationResult result)
    {
        for (var choice = 0; choice < result.Choices.Count; choice++)
        {
            Answers[(group, choice)] = [.. result.Choices[choice].Tokens.Select(token => token.Id)];
        }
    }

    public void Propose(IReadOnlyList<Sequence> sequences)
    {
        Proposals++;
        foreach (var sequence in sequences)
        {
            sequence.Gap.ShouldBe(1);
            sequence.Drafts.Allowed.ShouldBePositive();
            var answer = Answers[(sequence.Group, sequence.Choice)];
            for (var next = sequence.Generated; next < answer.Length; next++)
            {
                var wrong = wrongEvery > 0 && next % wrongEvery == 0;
                if (!sequence.Drafts.Add(wrong ? (answer[next] + 1) % FakeText.Size : answer[next])) break;
            }
        }
        OnPropose?.Invoke();
    }

    public void Computed(in PlannedRows rows, int final)
    {
        OnComputed?.Invoke();
        var sequence = (Sequence)rows.Sequence;
        if (rows.FirstPosition > 0 && Told.TryGetValue(sequence, out var told)) told.ShouldBeGreaterThanOrEqualTo(rows.FirstPosition);
        Told[sequence] = rows.FirstPosition + final;
        Told[sequence].ShouldBeLessThan(sequence.TokenCount + 1);
    }

    public void Dispose() => IsDisposed = true;
}
