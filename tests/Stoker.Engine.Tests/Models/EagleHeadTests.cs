using System.Text.Json;
using Stoker.Engine.Kernels;
using Stoker.Engine.Models;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Models;

/// <summary>The head against its reference outputs, in every kernel set that this CPU runs.</summary>
public sealed class EagleHeadTests
{
    private const int DraftTokens = 4, Tokens = 64;

    private static readonly JsonElement Golden = JsonDocument.Parse(File.ReadAllBytes(TestData.Golden("story-3m-eagle"))).RootElement.Clone();

    public static TheoryData<string> Sets => [.. KernelSets.SupportedNames];

    [Theory]
    [MemberData(nameof(Sets))]
    public void A_forward_pass_equals_the_reference(string kernels)
    {
        var (golden, tolerance) = (Golden.GetProperty("forward"), GoldenTolerance.Of(kernels));
        var ids = StoryEngine.Ids(golden.GetProperty("input_ids"));
        using var runner = new EagleRunner(kernels);
        runner.Target(ids);
        Near(runner.State(ids.Length - 1)[..8], golden.GetProperty("target_hidden_last_first8"), tolerance.Logit);
        var logits = runner.Draft(ids.AsSpan(1), 0, LogitRows.All);
        var last = logits.AsSpan((ids.Length - 2) * runner.Vocabulary);
        Near(runner.State(EagleRunner.Rows + ids.Length - 2), golden.GetProperty("draft_hidden_last_full"), tolerance.Logit);
        foreach (var entry in golden.GetProperty("draft_logits_top20").EnumerateArray())
        {
            ((double)last[entry[0].GetInt32()]).ShouldBe(entry[1].GetDouble(), 2 * tolerance.Logit);
        }

        Math.Sqrt(last.ToArray().Sum(value => (double)value * value)).ShouldBe(golden.GetProperty("draft_logits_l2").GetDouble(), 140 * tolerance.Length);
        var highest = Enumerable.Range(0, ids.Length - 1)
            .Select(pair => EagleRunner.Highest(logits.AsSpan(pair * runner.Vocabulary, runner.Vocabulary)));
        var differ = highest.Zip(StoryEngine.Ids(golden.GetProperty("draft_argmax_all_pairs"))).Count(pair => pair.First != pair.Second);
        differ.ShouldBeLessThanOrEqualTo(tolerance.Tie > 0 ? 1 : 0);
    }

    [Fact]
    public void Drafts_are_accepted_as_often_as_in_the_reference()
    {
        var golden = Golden.GetProperty("speculative_decoding_with_story_3m");
        using var runner = new EagleRunner();
        var (rounds, accepted) = (0, 0);
        foreach (var prompt in golden.GetProperty("prompts").EnumerateArray())
        {
            var counts = Rounds(runner, StoryEngine.Ids(prompt.GetProperty("input_ids")));
            counts.ToArray().ShouldBe(StoryEngine.Ids(prompt.GetProperty("accepted_per_round")), customMessage: prompt.GetProperty("text").GetString());
            (counts.Count, DraftTokens * counts.Count).ShouldBe((prompt.GetProperty("rounds").GetInt32(), prompt.GetProperty("drafted").GetInt32()));
            (rounds, accepted) = (rounds + counts.Count, accepted + counts.Sum());
        }

        (rounds, accepted).ShouldBe((golden.GetProperty("total_rounds").GetInt32(), golden.GetProperty("total_accepted").GetInt32()));
    }

    [Theory]
    [MemberData(nameof(Sets))]
    public void A_pair_has_the_same_bits_in_pieces_beside_others_and_behind_ones_without_logits(string kernels)
    {
        int[] ids = [.. Enumerable.Range(0, 90).Select(index => 3 + (index * 37 % 1900))];
        using var runner = new EagleRunner(kernels, threads: 2);
        runner.Target(ids);
        var alone = runner.Draft(ids.AsSpan(1), 0, LogitRows.All);
        var pairs = new StepBatch(EagleRunner.Rows, 4);
        for (var first = 0; first < 89; first += pairs.RowCount / 2)
        {
            var piece = ids.AsSpan(1 + first, Math.Min(30, 89 - first));
            pairs.Clear();
            pairs.Add(piece, first, EagleRunner.Table(1), LogitRows.Last);
            pairs.Add(piece, first, EagleRunner.Table(0), LogitRows.All);
            var slots = new int[pairs.RowCount];
            for (var row = 0; row < slots.Length; row++) slots[row] = first + (row % piece.Length);
            var logits = runner.Draft(pairs, slots);
            var expected = alone.AsSpan((first + piece.Length - 1) * runner.Vocabulary, runner.Vocabulary);
            logits.AsSpan(0, runner.Vocabulary).SequenceEqual(expected).ShouldBeTrue();
            logits.AsSpan(runner.Vocabulary).SequenceEqual(alone.AsSpan(first * runner.Vocabulary, piece.Length * runner.Vocabulary)).ShouldBeTrue();
        }
    }

    [Theory]
    [InlineData(Precision.Auto)]
    [InlineData(Precision.Int8)]
    [InlineData(Precision.Fp8)]
    [InlineData(Precision.Fp4)]
    public void A_pass_allocates_nothing(Precision precision)
    {
        int[] ids = [.. Enumerable.Range(5, 40)];
        using var runner = new EagleRunner(KernelSets.Choose().Name, precision: precision);
        runner.Target(ids);
        var (pairs, slots, logits) = (new StepBatch(EagleRunner.Rows, 4), Enumerable.Range(0, 40).ToArray(), new float[runner.Vocabulary]);
        Pass();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Pass();
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
        logits.ShouldAllBe(logit => float.IsFinite(logit));

        void Pass()
        {
            pairs.Clear();
            pairs.Add(ids.AsSpan(1), 0, Table, LogitRows.Last);
            runner.Draft(pairs, slots, logits);
        }
    }

    private static readonly int[] Table = EagleRunner.Table(0);

    private static void Near(ReadOnlySpan<float> values, JsonElement expected, double tolerance)
    {
        values.Length.ShouldBe(expected.GetArrayLength());
        for (var index = 0; index < values.Length; index++) ((double)values[index]).ShouldBe(expected[index].GetDouble(), tolerance);
    }

    /// <summary>Accepted drafts by round, as the reference counts them: from the prompt's last token on, whose state is not known yet.</summary>
    private static List<int> Rounds(EagleRunner runner, int[] prompt)
    {
        List<int> tokens = [.. prompt], counts = [];
        runner.Target(prompt.AsSpan(0, prompt.Length - 1));
        var known = 0; // pairs in the head's cache
        while (tokens.Count < prompt.Length + Tokens)
        {
            var last = tokens.Count - 1;
            var logits = runner.Draft([.. tokens[(known + 1)..]], known, LogitRows.Last); // states of the round before are in the first slots
            List<int> drafts = [EagleRunner.Highest(logits)];
            while (drafts.Count < DraftTokens)
            {
                runner.State(EagleRunner.Rows).CopyTo(runner.State(0));
                drafts.Add(EagleRunner.Highest(runner.Draft([drafts[^1]], last + drafts.Count - 1, LogitRows.Last)));
            }

            known = last;
            var verified = runner.Target([tokens[last], .. drafts], last);
            var accepted = 0;
            while (true)
            {
                var token = EagleRunner.Highest(verified.AsSpan(accepted * runner.Vocabulary, runner.Vocabulary));
                tokens.Add(token);
                if (accepted == DraftTokens || token != drafts[accepted]) break;
                accepted++;
            }

            counts.Add(accepted);
        }

        return counts;
    }
}
