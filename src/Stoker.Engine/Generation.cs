using System.Runtime.CompilerServices;
using System.Text;
using Stoker.Engine.Scheduling;

namespace Stoker.Engine;

/// <summary>A request that the engine took: its stream of events. Read once, by one reader.</summary>
/// <remarks>
/// The stream ends after the last event of the last choice and never throws for what happened to the request: errors
/// are events. Leaving the loop early, cancelling its token, <see cref="Cancel"/> and disposal all end the request
/// within one step.
/// </remarks>
public sealed class Generation : IAsyncEnumerable<GenerationEvent>, IAsyncDisposable
{
    private readonly RequestState _request;
    private readonly Action<RequestState> _cancel;
    private int _readers;

    internal Generation(string id, RequestState request, Action<RequestState> cancel) =>
        (Id, _request, _cancel) = (id, request, cancel);

    public string Id { get; }

    public int PromptTokens => _request.Prompt.Length;

    /// <summary>The limit in force, after defaults and <see cref="GenerationRequest.FitMaxTokens"/>.</summary>
    public int MaxTokens => _request.MaxTokens;

    /// <summary>Prompt tokens that an earlier request had computed; known with the first event.</summary>
    public int CachedTokens => _request.CachedTokens;

    /// <summary>The request's seed, or the one drawn for it: the same request with it gives the same answer.</summary>
    public long Seed => _request.Settings.Seed;

    /// <summary>
    /// Asks the engine to end the request; returns at once, the stream ends with <see cref="FinishReason.Cancelled"/>.
    /// </summary>
    public void Cancel()
    {
        if (!_request.Events.Ended.IsCompleted) _cancel(_request);
    }

    /// <exception cref="InvalidOperationException">The events are already read elsewhere.</exception>
    /// <exception cref="OperationCanceledException">While reading: the token was cancelled, and with it the
    /// request.</exception>
    public IAsyncEnumerator<GenerationEvent> GetAsyncEnumerator(CancellationToken cancellationToken = default)
    {
        if (Interlocked.Exchange(ref _readers, 1) != 0)
        {
            throw new InvalidOperationException("A generation is read once.");
        }

        return ReadAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);
    }

    /// <summary>Reads to the end and puts the choices together.</summary>
    public async Task<GenerationResult> CompleteAsync(CancellationToken cancellation = default)
    {
        var choices = new ChoiceBuilder[_request.Source.Choices];
        for (var choice = 0; choice < choices.Length; choice++) choices[choice] = new();
        GenerationUsage? usage = null;
        await foreach (var item in this.WithCancellation(cancellation))
        {
            choices[item.Choice].Add(item);
            usage ??= item.Usage;
        }
        return new([.. choices.Select(choice => choice.Build())], usage!);
    }

    /// <summary>Cancels what still runs and returns when its KV blocks are free.</summary>
    public async ValueTask DisposeAsync()
    {
        Cancel();
        await _request.Events.Ended;
    }

    private async IAsyncEnumerable<GenerationEvent> ReadAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        try
        {
            await foreach (var item in _request.Events.Reader.ReadAllAsync(cancellation)) yield return item;
        }
        finally
        {
            Cancel(); // without effect on a request that has ended
        }
    }

    private sealed class ChoiceBuilder
    {
        private readonly StringBuilder _text = new();
        private readonly List<GeneratedToken> _prompt = [], _tokens = [];
        private GenerationEvent? _last;

        public void Add(GenerationEvent item)
        {
            _text.Append(item.Text);
            (item.IsPrompt ? _prompt : _tokens).AddRange(item.Tokens);
            if (item.Finish is not null) _last = item;
        }

        public GeneratedChoice Build() => new(_text.ToString(), _prompt, _tokens, _last!.Value.Finish!.Value, _last.Value.Error);
    }
}
