using Stoker.ControlPlane.Storage;

namespace Stoker.Benchmarks.Ledger;

/// <summary>A ledger held against what really was.</summary>
/// <param name="Wrong">What must never be, in words; the first few.</param>
/// <param name="Difference">Tokens that the ledger has beyond the engine's, prompt and generated, of requests whose clients saw the end: 0.</param>
internal sealed record StormAudit(int Rows, int Lost, int Unseen, long PaidTokens, long Difference, IReadOnlyList<string> Wrong)
{
    private const int MostWrong = 20;
    private const int Page = 4096;

    public static async Task<StormAudit> OfAsync(IRequestStore ledger, IReadOnlyList<StormTruth> truths)
    {
        var rows = new Dictionary<string, RequestRow>();
        var wrong = new List<string>();
        for (var after = 0L; await ledger.ReadAsync(after, Page, CancellationToken.None) is { Count: > 0 } page; after = page[^1].Number)
        {
            foreach (var row in page)
            {
                if (!rows.TryAdd(row.Id, row)) wrong.Add($"{row.Id} has two rows");
            }
        }

        var (lost, unseen, paid, difference) = (0, 0, 0L, 0L);
        foreach (var truth in truths)
        {
            var row = rows.GetValueOrDefault(truth.Id);
            if (Fault(truth, row) is { } fault && wrong.Count < MostWrong) wrong.Add($"{truth.Id}: {fault}");
            if (!truth.Seen) unseen++;
            if (row is null) continue;
            rows.Remove(truth.Id);
            if (row.Status == RequestStatus.Lost) lost++;
            if (row.IsPaid) paid += row.Tokens.Prompt + row.Tokens.Generated;
            if (truth.Seen) difference += Math.Abs(row.Tokens.Prompt + row.Tokens.Generated - (truth.Tokens.Prompt + truth.Tokens.Generated));
        }

        if (rows.Count > 0) wrong.Add($"{rows.Count} rows are of no request");
        return new(truths.Count - truths.Count(truth => !truth.Begun), lost, unseen, paid, difference, wrong);
    }

    /// <summary>The stated rule: who saw an end has it in the ledger as the engine says; else it is that, or lost and free.</summary>
    private static string? Fault(StormTruth truth, RequestRow? row)
    {
        if (row is null) return truth.Begun ? "a replica got it, and it has no row" : null;
        if (row.Status == RequestStatus.Lost)
        {
            if (truth.Seen) return "its client saw the end, and it is lost";
            return row.Tokens == default && !row.IsPaid ? null : "it is lost and has tokens";
        }

        return row.Status == truth.Status && row.Tokens == truth.Tokens ? null : $"it is {row.Status} with {row.Tokens}, and was {truth.Status} with {truth.Tokens}";
    }
}
