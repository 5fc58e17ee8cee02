using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Stoker.Api;
using Stoker.Api.Resources;

namespace Stoker.Benchmarks.Chaos;

/// <summary>
/// The owner of one deployment: creates, changes, scales, deletes and undeletes it at random and keeps account of what
/// was acknowledged. After a change whose answer was lost the server is asked, and may show the wish before or after it.
/// </summary>
/// <param name="sleeps">Its deployment may be at zero, and gets no requests, which would wake it.</param>
internal sealed class ChaosClient(string id, bool sleeps, ChaosServer server, Progress progress, Findings findings, Chronicle chronicle, Random random)
{
    private const string Collection = "v1/accounts/default/deployments";
    private const int MostReplicas = 3;

    private readonly List<Wish> _possible = [Wish.Nothing];
    private readonly List<Task> _streams = [];
    private int _changes;

    public string Id => id;

    public int Acknowledged { get; private set; }

    /// <summary>Changes whose answer was lost.</summary>
    public int Unknown { get; private set; }

    public int Refused { get; private set; }

    /// <summary>What is wanted; the newest where that is not known.</summary>
    public Wish Wish => _possible[^1];

    public async Task RunAsync(CancellationToken end)
    {
        await Task.Yield();
        try
        {
            while (!end.IsCancellationRequested)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(random.Next(400)), TimeProvider.System, end);
                await ResolveAsync(end);
                await ChangeAsync(end);
            }
        }
        catch (OperationCanceledException) when (end.IsCancellationRequested)
        {
            // Between two changes, or waiting for a server: nothing was asked.
        }

        await RemoveForGoodAsync();
        await Task.WhenAll(_streams);
        _streams.Clear();
    }

    /// <summary>
    /// A removal whose answer was lost cannot be told from the deletion before it: both are shown as DELETED, one of them
    /// for a moment alone. It is asked for again, now that nobody kills.
    /// </summary>
    private async Task RemoveForGoodAsync()
    {
        await ResolveAsync(CancellationToken.None);
        while (Wish.State == WishState.Removed && _possible.Count > 1)
        {
            await DeleteAsync(hard: true, CancellationToken.None);
            await ResolveAsync(CancellationToken.None);
        }
    }

    /// <summary>Asks what there is, and finds out what became of a change whose answer was lost.</summary>
    public async Task<DeploymentResource?> ResolveAsync(CancellationToken cancellation)
    {
        while (true)
        {
            var reply = await server.SendAsync(HttpMethod.Get, $"{Collection}/{id}", null, cancellation);
            if (reply.Status is not (200 or 404)) continue; // killed, or about to be
            var shown = reply.Status == 404 ? null : JsonSerializer.Deserialize(reply.Body, ApiJson.Default.DeploymentResource);
            var fitting = _possible.FindAll(wish => wish.IsShownAs(shown));
            if (fitting.Count == 0)
            {
                findings.Add(Violation.Lost, $"{id} was acknowledged as [{string.Join("] or [", _possible)}], and is shown as {Show(shown)}");
                return shown;
            }

            Become([.. fitting.Select(wish => wish.After(shown))]);
            return shown;
        }
    }

    private Task ChangeAsync(CancellationToken end) => Wish.State switch
    {
        WishState.Absent => CreateAsync(end),
        WishState.Removed when _possible.Count > 1 => DeleteAsync(hard: true, end), // whether it was asked is not known
        WishState.Removed => Task.CompletedTask, // its id is free again when it is gone
        WishState.Deleted => random.Next(4) == 0 ? DeleteAsync(hard: true, end) : UndeleteAsync(end),
        _ => random.Next(20) switch
        {
            < 5 => ScaleAsync(end),
            < 9 => BoundsAsync(end),
            < 12 => ContextAsync(end),
            < 14 => DeleteAsync(hard: false, end),
            14 => DeleteAsync(hard: true, end),
            _ => StreamAsync(end),
        },
    };

    private Task CreateAsync(CancellationToken end)
    {
        var (min, max) = Bounds();
        var wish = new Wish(WishState.Live, ++_changes, min, max, Context(), []).Begun();
        var asked = Body(wish) with
        {
            BaseModel = "story-3m",
            MinReplicaCount = min,
            MaxReplicaCount = max,
            MaxContextLength = wish.ContextLength,
            // No load and no idle time may move a count: what is wanted is what was asked.
            AutoscalingPolicy = new() { ScaleUpWindow = "1h", ScaleDownWindow = "1h", ScaleToZeroWindow = "1h" },
        };
        return AskAsync(HttpMethod.Post, $"{Collection}?deploymentId={id}", asked, _ => wish, end);
    }

    private Task BoundsAsync(CancellationToken end)
    {
        var ((min, max), note) = (Bounds(), ++_changes);
        return AskAsync(
            HttpMethod.Patch, $"{Collection}/{id}", new() { Description = Text(note), MinReplicaCount = min, MaxReplicaCount = max },
            wish => wish.Bounded(min, max) with { Note = note }, end);
    }

    /// <summary>Another context length is a rolling replacement.</summary>
    private Task ContextAsync(CancellationToken end)
    {
        var (context, note) = (Context(), ++_changes);
        return AskAsync(
            HttpMethod.Patch, $"{Collection}/{id}", new() { Description = Text(note), MaxContextLength = context },
            wish => wish with { ContextLength = context, Note = note }, end);
    }

    private async Task ScaleAsync(CancellationToken end)
    {
        var count = random.Next(Wish.Min, Wish.Max + 1);
        using var body = JsonContent.Create(new ScaleDeploymentRequest(count), ApiJson.Default.ScaleDeploymentRequest);
        Settle(await server.SendAsync(HttpMethod.Patch, $"{Collection}/{id}:scale", body, end), wish => wish.Scaled(count), $"scale to {count}");
    }

    private Task DeleteAsync(bool hard, CancellationToken end) => AskAsync(
        HttpMethod.Delete, $"{Collection}/{id}?hard={(hard ? "true" : "false")}", null,
        wish => wish with { State = hard ? WishState.Removed : WishState.Deleted }, end);

    private async Task UndeleteAsync(CancellationToken end)
    {
        using var body = new StringContent("{}", null, "application/json");
        Settle(await server.SendAsync(HttpMethod.Post, $"{Collection}/{id}:undelete", body, end), wish => wish.Begun(), "undelete");
    }

    /// <summary>Begins some seconds of answers on every replica, so that drains take their time.</summary>
    private Task StreamAsync(CancellationToken end)
    {
        for (var stream = 0; stream < MostReplicas && !sleeps; stream++) _streams.Add(ReadAsync(end));
        return Task.CompletedTask;
    }

    /// <summary>Whatever comes of it: what it comes from is killed here.</summary>
    private async Task ReadAsync(CancellationToken end)
    {
        using var body = JsonContent.Create(new { model = $"accounts/default/deployments/{id}", prompt = "Once", max_tokens = 200, ignore_eos = true, stream = true });
        Task asked = server.SendAsync(HttpMethod.Post, "inference/v1/completions", body, end);
        await asked.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task AskAsync(HttpMethod method, string path, DeploymentResource? asked, Func<Wish, Wish> change, CancellationToken end)
    {
        using var body = asked is null ? null : JsonContent.Create(asked, ApiJson.Default.DeploymentResource);
        Settle(await server.SendAsync(method, path, body, end), change, asked is null ? path[(path.IndexOf('?') + 1)..] : method.Method);
    }

    private void Settle(Reply reply, Func<Wish, Wish> change, string asked)
    {
        progress.Step();
        Take(reply, change);
        chronicle.Note(id, $"{asked}: {reply.Status?.ToString(CultureInfo.InvariantCulture) ?? "no answer"}: [{string.Join("] or [", _possible)}]");
    }

    private void Take(Reply reply, Func<Wish, Wish> change)
    {
        if (reply.IsRefused)
        {
            Refused++;
            return;
        }

        if (reply.IsAcknowledged) Acknowledged++;
        else Unknown++;
        var changed = _possible.ConvertAll(wish => change(wish));
        Become(reply.IsAcknowledged ? changed : [.. _possible, .. changed]);
    }

    /// <summary>Wishes that differ in their counts alone cannot be told apart by asking: they become one.</summary>
    private void Become(List<Wish> possible)
    {
        var merged = possible.GroupBy(wish => wish with { Counts = [] }, new ButCounts())
            .Select(group => group.First() with
            {
                Counts = [.. group.SelectMany(wish => wish.Counts).Distinct()],
                Open = [.. group.SelectMany(wish => wish.Open).Distinct()],
            })
            .ToList();
        _possible.Clear();
        _possible.AddRange(merged);
    }

    private (int Min, int Max) Bounds()
    {
        var min = random.Next(sleeps ? 0 : 1, MostReplicas);
        return (min, random.Next(Math.Max(min, 1), MostReplicas + 1));
    }

    private int Context() => 256 + (32 * random.Next(8));

    private static DeploymentResource Body(Wish wish) => new() { Description = Text(wish.Note) };

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Show(DeploymentResource? shown) => shown is null
        ? "missing"
        : $"{shown.State}, change {shown.Description}, {shown.MinReplicaCount} to {shown.MaxReplicaCount} replicas, {shown.DesiredReplicaCount} wanted, context {shown.MaxContextLength}";

    private sealed class ButCounts : IEqualityComparer<Wish>
    {
        public bool Equals(Wish? left, Wish? right) => Key(left) == Key(right);

        public int GetHashCode(Wish wish) => Key(wish).GetHashCode();

        private static (WishState?, int?, int?, int?, int?) Key(Wish? wish) => (wish?.State, wish?.Note, wish?.Min, wish?.Max, wish?.ContextLength);
    }
}
