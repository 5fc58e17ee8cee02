using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Stoker.ControlPlane.Storage;
using Stoker.EndToEnd.Tests.Harness;

namespace Stoker.EndToEnd.Tests;

/// <summary>Real requests of real processes, and a server that is killed for real: each has its one row.</summary>
public class TokenLedgerTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Each_request_has_one_row_also_across_a_kill_of_the_server()
    {
        using var sandbox = new Sandbox();
        var told = new Dictionary<string, RequestTokens>();
        await using (var first = await StokerServerProcess.StartAsync(sandbox))
        {
            await first.DeployAsync("d");
            for (var tokens = 1; tokens <= 3; tokens++) await CompleteAsync(first, tokens, told);

            using (var left = await OpenAsync(first)) (await left.NextAsync()).ShouldNotBeNull();
            await RowsAsync(sandbox, rows => rows.Any(row => row.Status == RequestStatus.Cancelled), "the cancelled request");

            using var running = await OpenAsync(first);
            (await running.NextAsync()).ShouldNotBeNull();
            await first.KillAsync();
        }

        await using var second = await StokerServerProcess.StartAsync(sandbox);
        await second.ReadyAsync("d");
        await CompleteAsync(second, 4, told);
        var all = await RowsAsync(sandbox, rows => rows.Count == 6, "six rows");

        all.Where(row => row.Status == RequestStatus.Finished).ToDictionary(row => row.Id, row => row.Tokens).ShouldBe(told, ignoreOrder: true);
        var cancelled = all.Single(row => row.Status == RequestStatus.Cancelled);
        cancelled.Tokens.Prompt.ShouldBeGreaterThan(0);
        cancelled.Tokens.Generated.ShouldBeInRange(1, 32 * 500);
        var lost = all.Single(row => row.Status == RequestStatus.Lost);
        (lost.Tokens, lost.IsPaid, lost.Deployment.ToString()).ShouldBe((default, false, "accounts/default/deployments/d"));
    }

    private static Task<EventStream> OpenAsync(StokerServerProcess server) =>
        EventStream.OpenAsync(server.Http, StokerServerProcess.Address("d"), "Once upon a time", maxTokens: 500, choices: 32);

    private static async Task CompleteAsync(StokerServerProcess server, int tokens, Dictionary<string, RequestTokens> told)
    {
        using var answer = await server.Http.PostAsJsonAsync(
            "inference/v1/completions", new { model = StokerServerProcess.Address("d"), prompt = "Once upon a time", max_tokens = tokens }, Cancellation);
        answer.EnsureSuccessStatusCode();
        var usage = JsonNode.Parse(await answer.Content.ReadAsStringAsync(Cancellation))!["usage"]!;
        told[answer.Headers.GetValues("x-fireworks-request-id").Single()] = new(
            usage["prompt_tokens"]!.GetValue<int>(), usage["prompt_tokens_details"]!["cached_tokens"]!.GetValue<int>(), usage["completion_tokens"]!.GetValue<int>());
    }

    /// <summary>The ledger as another process sees it, once it fits.</summary>
    private static async Task<IReadOnlyList<RequestRow>> RowsAsync(Sandbox sandbox, Func<IReadOnlyList<RequestRow>, bool> fits, string what)
    {
        await using var database = SqliteDatabase.Open(new DataDirectory(sandbox.Data).Database, TimeProvider.System, TimeSpan.FromSeconds(1));
        var store = new SqliteRequestStore(database);
        return await Patience.UntilAsync(async () => await store.ReadAsync(0, 1_000, Cancellation), fits, what);
    }
}
