using System.Text.Json;
using Stoker.Benchmarks.Measuring;

namespace Stoker.Benchmarks.Speculation.Equality;

/// <summary>How often drafts are accepted, round by round, against the reference's counts; and its greedy tokens.</summary>
internal static class GoldenTable
{
    /// <returns>What differs from the reference.</returns>
    public static List<string> Print(string models, string goldens)
    {
        Console.WriteLine($"against the reference: f32, k = {GoldenRounds.DraftTokens}, rounds until {GoldenRounds.Tokens} tokens");
        using var story = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(goldens, "story-3m.json")));
        int[][] answers = [.. story.RootElement.GetProperty("prompts").EnumerateArray().Select(prompt => EqualityRequests.Ids(prompt.GetProperty("greedy_ids")))];
        var table = new Table(("drafter", 18), ("prompts", 7), ("rounds", 7), ("of it", 7), ("accepted/drafted", 16), ("of it", 9), ("differing", 9));
        var faults = new List<string>();
        foreach (var drafter in (string[])["story-draft-400k", "story-3m-eagle"])
        {
            using var golden = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(goldens, $"{drafter}.json")));
            faults.AddRange(Print(table, models, drafter, golden.RootElement.GetProperty("speculative_decoding_with_story_3m"), answers));
        }

        return faults;
    }

    private static List<string> Print(Table table, string models, string drafter, JsonElement golden, int[][] answers)
    {
        using var rounds = new GoldenRounds(Path.Combine(models, "story-3m"), Path.Combine(models, drafter));
        JsonElement[] prompts = [.. golden.GetProperty("prompts").EnumerateArray()];
        var (faults, total, accepted) = (new List<string>(), 0, 0);
        for (var index = 0; index < prompts.Length; index++)
        {
            var answer = rounds.Of(EqualityRequests.Ids(prompts[index].GetProperty("input_ids")));
            (total, accepted) = (total + answer.AcceptedByRound.Length, accepted + answer.AcceptedByRound.Sum());
            var same = answer.AcceptedByRound.SequenceEqual(EqualityRequests.Ids(prompts[index].GetProperty("accepted_per_round"))) && answer.Tokens.SequenceEqual(answers[index]);
            if (!same) faults.Add($"{drafter}: prompt {index} of the reference has other tokens, or other counts of accepted drafts");
        }

        var (goldenRounds, goldenDrafted, goldenAccepted) =
            (golden.GetProperty("total_rounds").GetInt32(), golden.GetProperty("total_drafted").GetInt32(), golden.GetProperty("total_accepted").GetInt32());
        var drafted = total * GoldenRounds.DraftTokens;
        table.Row(drafter, $"{prompts.Length}", $"{total}", $"{goldenRounds}", $"{accepted}/{drafted}", $"{goldenAccepted}/{goldenDrafted}", $"{faults.Count}");
        if ((total, drafted, accepted) != (goldenRounds, goldenDrafted, goldenAccepted)) faults.Add($"{drafter}: {accepted} of {drafted} accepted, in the reference {goldenAccepted} of {goldenDrafted}");
        return faults;
    }
}
