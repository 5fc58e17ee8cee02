using System.Diagnostics;
using System.Text.Json;
using Stoker.Api;
using Stoker.Benchmarks.Replicas;

namespace Stoker.Benchmarks.Chaos;

/// <summary>
/// Everything at rest: what the server shows is what was acknowledged, and what runs is exactly that. Waits for it, since
/// replicas take their time; what has not come by then is found.
/// </summary>
internal sealed class RestCheck(ChaosServer server, ReplicaWatch watch, IReadOnlyList<ChaosClient> clients, Findings findings)
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(100);

    public async Task WaitAsync(TimeSpan patience)
    {
        var begun = Stopwatch.GetTimestamp();
        var open = await LookAsync();
        while (open.Count > 0 && Stopwatch.GetElapsedTime(begun) < patience)
        {
            await Task.Delay(LookAgain, TimeProvider.System, CancellationToken.None);
            open = await LookAsync();
        }

        foreach (var (kind, message) in open) findings.Add(kind, message);
    }

    private async Task<List<(Violation Kind, string Message)>> LookAsync()
    {
        var open = new List<(Violation, string)>();
        await watch.LookAsync();
        var living = watch.Living;
        foreach (var client in clients) await LookAtAsync(client, living, open);
        var known = clients.Select(client => client.Id).ToHashSet();
        foreach (var (process, life) in living.Where(living => !known.Contains(living.Life.Deployment)))
        {
            open.Add((Violation.Orphan, $"{process.Id} belongs to {life.Deployment}, which nobody created"));
        }

        await LookAtListAsync(open);
        return open;
    }

    private static async Task LookAtAsync(ChaosClient client, IReadOnlyList<(RunningReplica Process, ReplicaLife Life)> living, List<(Violation, string)> open)
    {
        var shown = await client.ResolveAsync(CancellationToken.None);
        var (wish, own) = (client.Wish, living.Where(replica => replica.Life.Deployment == client.Id).Select(replica => replica.Life).ToList());
        var most = wish.Wanted.Max();
        var running = string.Join(", ", own.Select(life => $"{life.Id} ({life.State}, context {life.ContextLength})"));
        if (wish.State == WishState.Removed) open.Add((Violation.Lost, $"{client.Id} was removed for good and is shown as {shown?.State}"));
        if (own.Count > most) open.Add((most == 0 ? Violation.Orphan : Violation.Duplicate, $"{client.Id} is [{wish}] and has {own.Count} replicas: {running}"));
        if (wish.State != WishState.Live || shown is null) return;

        var ready = own.Count(life => life.State == "READY" && life.ContextLength == wish.ContextLength);
        if (shown.State != "READY" || !wish.Counts.Contains(shown.DesiredReplicaCount ?? -1) || own.Count != ready || ready != shown.DesiredReplicaCount)
        {
            open.Add((Violation.Lost, $"{client.Id} is [{wish}], is shown as {shown.State} with {shown.DesiredReplicaCount} replicas wanted and {shown.Status?.Message}, and what runs is: {running}"));
        }
    }

    private async Task LookAtListAsync(List<(Violation, string)> open)
    {
        var reply = await server.SendAsync(HttpMethod.Get, "v1/accounts/default/deployments?showDeleted=true&pageSize=200", null, CancellationToken.None);
        var listed = JsonSerializer.Deserialize(reply.Body, ApiJson.Default.ListDeploymentsResponse)!.Deployments.Select(item => item.Name!.Split('/')[^1]).ToList();
        foreach (var twice in listed.GroupBy(id => id).Where(group => group.Count() > 1)) open.Add((Violation.Duplicate, $"{twice.Key} is listed {twice.Count()} times"));
        var expected = clients.Where(client => client.Wish.State is WishState.Live or WishState.Deleted).Select(client => client.Id).Order();
        if (!listed.Distinct().Order().SequenceEqual(expected)) open.Add((Violation.Lost, $"listed are {string.Join(", ", listed)}, wanted are {string.Join(", ", expected)}"));
    }
}
