using System.Collections.Immutable;

namespace Stoker.ControlPlane.Tests.Metering;

/// <summary>What happens to a <see cref="MeteringWorld"/> next.</summary>
internal enum TransitionKind
{
    StartServer,
    KillServer,
    Reboot,
    StartReplica,
    BecomeReady,
    BecomeReadyAndLook,
    Drain,
    Die,
    Hang,
    Recover,
    Observe,
    ObserveAgain,
    Beat,
    Pass,
    PassAgain,
    PassLong,
    StepAhead,
    StepBack,
    Reserve,
    CrashBeforeWrite,
    CrashAfterWrite,
    FillDisk,
    MakeRoom,
    ReadTotals,
}

/// <param name="Index">Of the replica or the deployment that it happens to.</param>
/// <param name="Number">How long or how many, or, for what is to be rare, whether at all.</param>
internal sealed record Transition(TransitionKind Kind, int Index = 0, int Number = 0)
{
    public override string ToString() => $"new(TransitionKind.{Kind}, {Index}, {Number})";
}

/// <summary>A random history is its seed; one that fails is made short enough to be read and kept as a test.</summary>
internal static class LedgerHistory
{
    /// <summary>The same for the same seed, on every machine.</summary>
    public static ImmutableArray<Transition> Of(int seed, int transitions)
    {
        var (random, kinds) = (new Random(seed), Enum.GetValues<TransitionKind>());
        return [.. Enumerable.Range(0, transitions).Select(_ => new Transition(kinds[random.Next(kinds.Length)], random.Next(10), random.Next(41)))];
    }

    /// <summary>
    /// What to print of a history that fails: its seed, how to replay it, and the shortest part of it that fails too.
    /// Null where it holds.
    /// </summary>
    public static string? Explain(int seed, int transitions, Func<ImmutableArray<Transition>, Exception?> failure)
    {
        var history = Of(seed, transitions);
        if (failure(history) is not { } failed) return null;
        var shortest = Shortest(history, part => failure(part) is not null);
        return $"""
            The history of seed {seed} fails: {failed.Message}
            To replay it, add [InlineData({seed})] to The_ledger_is_exact_in_the_history_of.
            In short ({failure(shortest)?.Message}):
            [{string.Join(",\n", shortest)}]
            """;
    }

    /// <summary>A part of a history that fails as the whole does, of which nothing more can be left out.</summary>
    private static ImmutableArray<Transition> Shortest(ImmutableArray<Transition> history, Func<ImmutableArray<Transition>, bool> fails)
    {
        for (var size = history.Length / 2; size > 0;)
        {
            var isShorter = false;
            for (var from = 0; from + size <= history.Length;)
            {
                var without = history.RemoveRange(from, size);
                if (fails(without)) (history, isShorter) = (without, true);
                else from += size;
            }

            if (!isShorter || size > history.Length) size /= 2;
        }

        return history;
    }
}
