using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Stoker.Engine;
using Stoker.Replica.Engines;
using Stoker.Replica.Requests;

namespace Stoker.Replica.Answers;

/// <summary>The generations of all prompts of one request, read as one stream with choices numbered through.</summary>
internal sealed class Answer : IAsyncDisposable
{
    // Only a hand-over between the generations' readers and ours; each generation has its own bounded buffer behind it.
    private const int MergeBuffer = 64;

    private readonly List<IReplicaGeneration> _generations = [];
    private readonly int _choicesEach;

    private Answer(int choicesEach) => _choicesEach = choicesEach;

    /// <summary>Of one generation; the first one's otherwise.</summary>
    public int MaxTokens => _generations[0].MaxTokens;

    /// <summary>The same.</summary>
    public int CachedTokens => _generations[0].CachedTokens;

    /// <summary>Tokens of all choices that were read so far.</summary>
    public int Generated { get; private set; }

    /// <summary>Of all; null until the last event was read.</summary>
    public GenerationUsage? Usage { get; private set; }

    /// <summary>It goes on after tokens of another replica.</summary>
    public bool HasAnswered { get; private init; }

    /// <summary>Submits all prompts or none.</summary>
    /// <exception cref="RequestRefusedException">The first refusal; what was submitted before it is
    /// cancelled.</exception>
    /// <exception cref="ApiException">The same, of a field that the client called by its other name.</exception>
    public static async Task<Answer> SubmitAsync(IReplicaEngine engine, InferenceRequest request, IReadOnlyList<int[]> prompts, string id)
    {
        var answer = new Answer(request.Choices) { HasAnswered = request.Answered is { Length: > 0 } };
        try
        {
            for (var index = 0; index < prompts.Count; index++)
            {
                var part = prompts.Count == 1 ? id : $"{id}-{index}";
                answer._generations.Add(engine.Submit(request.ToGeneration(prompts[index], part)));
            }

            return answer;
        }
        catch (Exception error)
        {
            await answer.DisposeAsync();
            if (error is RequestRefusedException { Parameter: "prediction" } refused) throw new ApiException(ApiError.From(refused) with { Parameter = request.PredictionName });
            throw;
        }
    }

    /// <summary>The last event of all has the usage of all; no other has any.</summary>
    public async IAsyncEnumerable<GenerationEvent> ReadAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        GenerationUsage? total = null;
        var left = _generations.Count;
        await foreach (var item in left == 1 ? _generations[0].ReadAsync(cancellation) : MergeAsync(cancellation))
        {
            if (item.Usage is { } usage)
            {
                total = Add(total, usage);
                left--;
            }

            if (!item.IsPrompt && !item.IsKnown) Generated += item.Tokens.Count;
            if (left == 0) Usage = total;
            yield return item with { Usage = left == 0 && item.Usage is not null ? total : null };
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var generation in _generations) await generation.DisposeAsync();
    }

    private async IAsyncEnumerable<GenerationEvent> MergeAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var merged = Channel.CreateBounded<GenerationEvent>(MergeBuffer);
        var pumps = new Task[_generations.Count];
        for (var index = 0; index < pumps.Length; index++)
        {
            pumps[index] = PumpAsync(_generations[index], index * _choicesEach, merged.Writer, stop.Token);
        }

        var all = CompleteAsync(pumps, merged.Writer);
        try
        {
            await foreach (var item in merged.Reader.ReadAllAsync(cancellation)) yield return item;
        }
        finally
        {
            await stop.CancelAsync();
            await all;
        }
    }

    private static async Task PumpAsync(
        IReplicaGeneration generation, int firstChoice, ChannelWriter<GenerationEvent> merged, CancellationToken cancellation)
    {
        await foreach (var item in generation.ReadAsync(cancellation))
        {
            await merged.WriteAsync(item with { Choice = firstChoice + item.Choice }, cancellation);
        }
    }

    private static async Task CompleteAsync(Task[] pumps, ChannelWriter<GenerationEvent> merged)
    {
        try
        {
            await Task.WhenAll(pumps);
            merged.TryComplete();
        }
        catch (Exception error) // handed on: whoever reads the stream sees it
        {
            merged.TryComplete(error);
        }
    }

    private static GenerationUsage Add(GenerationUsage? total, GenerationUsage part) => total is null ? part : new(
        total.PromptTokens + part.PromptTokens,
        total.CompletionTokens + part.CompletionTokens,
        total.CachedTokens + part.CachedTokens,
        Longer(total.QueueTime, part.QueueTime),
        Earlier(total.TimeToFirstToken, part.TimeToFirstToken),
        Longer(total.Duration, part.Duration))
    {
        Preemptions = total.Preemptions + part.Preemptions,
        Speculation = total.Speculation?.And(part.Speculation) ?? part.Speculation,
    };

    private static TimeSpan Longer(TimeSpan a, TimeSpan b) => a > b ? a : b;

    private static TimeSpan? Earlier(TimeSpan? a, TimeSpan? b) => a is null || b < a ? b ?? a : a;
}
