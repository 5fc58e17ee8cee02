using System.Threading.Channels;
using Stoker.Engine;
using Stoker.Replica.Engines;

namespace Stoker.Replica.Simulated;

/// <summary>
/// One request of the simulated engine: turns the model's tokens into events with text, stops and usage.
/// </summary>
/// <remarks>
/// The engine calls everything but <see cref="ReadAsync"/> and <see cref="DisposeAsync"/> under its lock.
/// </remarks>
internal sealed class SimulatedGeneration : IReplicaGeneration
{
    // As many as the real engine's default: a reader further behind is cancelled.
    private const int MostUnread = 2048;

    private readonly SimulatedEngine _engine;
    private readonly GenerationRequest _request;
    private readonly ulong _seed;
    private readonly Choice[] _choices;
    private readonly Channel<GenerationEvent> _events;
    private readonly TimeSpan _submittedAt;
    private TimeSpan? _startedAt;
    private TimeSpan? _firstTokenAt;
    private int _cached;
    private int _left;

    /// <param name="most">Tokens of an answer at most.</param>
    public SimulatedGeneration(SimulatedEngine engine, GenerationRequest request, ulong seed, TimeSpan now, int most)
    {
        MaxTokens = most;
        (_engine, _request, _seed, _submittedAt, _left) = (engine, request, seed, now, request.Choices);
        // the last event of a choice always has room
        _events = Channel.CreateBounded<GenerationEvent>(MostUnread + request.Choices);
        _choices = new Choice[request.Choices];
        for (var index = 0; index < _choices.Length; index++)
        {
            _choices[index] = new(request.Stop)
            {
                Predicted = request.Prediction.Count == 0 ? null : new(request.Prediction, seed, index, request.Answered.Count, !request.DisableSpeculation),
            };
        }
    }

    public int MaxTokens { get; }

    public int CachedTokens => Math.Min(_cached, _request.PromptTokens.Count);

    /// <summary>The reader left too much unread: the engine is to cancel.</summary>
    public bool TooSlow { get; private set; }

    /// <summary>No choice runs any more.</summary>
    public bool Ended => _left == 0;

    /// <summary>Tokens of the longest choice.</summary>
    public int Longest => _choices.Max(choice => choice.Generated);

    public TimeSpan SubmittedAt => _submittedAt;

    /// <summary>Null where nothing was predicted.</summary>
    public SpeculationStatistics? Speculation =>
        _choices[0].Predicted is null ? null : _choices.Aggregate(SpeculationStatistics.None, (sum, choice) => sum.And(choice.Predicted!.Figures(choice.Generated - (choice.HasEndToken ? 1 : 0))));

    public TimeSpan? FirstTokenAt => _firstTokenAt;

    public IAsyncEnumerable<GenerationEvent> ReadAsync(CancellationToken cancellation) =>
        _events.Reader.ReadAllAsync(cancellation);

    public ValueTask DisposeAsync()
    {
        _engine.Cancel(this);
        return ValueTask.CompletedTask;
    }

    /// <summary>Null where nothing was predicted of it.</summary>
    public Func<int, bool>? ComesWithPrevious(int choice) => _choices[choice].Predicted is { } predicted ? predicted.ComesWithPrevious : null;

    /// <summary>The prompt, or its last tokens, in front of each choice.</summary>
    public void Echo(IReadOnlyList<int> prompt)
    {
        var count = _request.Echo ? prompt.Count : Math.Min(_request.EchoLast ?? 0, prompt.Count);
        if (count == 0) return;
        int[] shown = [.. prompt.Skip(prompt.Count - count)];
        for (var choice = 0; choice < _choices.Length; choice++)
        {
            var tokens = new List<GeneratedToken>(count);
            for (var index = 0; index < shown.Length; index++)
            {
                var predicted = index > 0 || count < prompt.Count;
                tokens.Add(Token(choice, shown[index], predicted ? index : null));
            }

            if (_request.Answered.Count == 0) Write(new(choice, SimulatedText.Decode(shown), [.. tokens]) { IsPrompt = true });
        }
    }

    /// <summary>Takes the tokens that the reader has from another replica, and tells nobody.</summary>
    /// <param name="isEnd">As far as their number tells, they are the whole answer.</param>
    /// <returns>How the answer ended with them; null when it goes on.</returns>
    public FinishReason? Know(IReadOnlyList<int> answered, bool isEnd)
    {
        var (state, stopped) = (_choices[0], false);
        foreach (var id in answered)
        {
            if (stopped) break;
            state.Generated++;
            Token(0, id, null); // for the offsets
            if (id == SimulatedText.EndToken) continue;
            (_, stopped) = state.Scanner.Append(SimulatedText.Decode([id]));
            stopped &= state.Generated > _request.MinTokens;
        }

        if (answered.Count == 0 || !(stopped || isEnd)) return null;
        var reason = stopped || answered[^1] == SimulatedText.EndToken ? FinishReason.Stop : FinishReason.Length;
        (state.Ended, _left) = (true, 0);
        Write(new(0, "", [], reason) { IsKnown = true, Usage = Usage(_submittedAt) });
        _events.Writer.TryComplete();
        return reason;
    }

    /// <returns>True when the choice ended here although the model would go on: a stop string.</returns>
    public bool Add(int choice, ReplicaModelEvent happened, bool endsItself)
    {
        _startedAt ??= happened.StartedAt;
        _firstTokenAt ??= happened.At;
        if (choice == 0) _cached = happened.Cached;
        var state = _choices[choice];
        var isEnd = happened.Last && endsItself;
        var index = happened.Index + _request.Answered.Count;
        var id = isEnd ? SimulatedText.EndToken : SimulatedText.WordAt(_seed, choice, index);
        state.Unsent.Add(Token(choice, id, index) with { IsEnd = isEnd });
        state.Generated++;
        state.HasEndToken = isEnd;
        var (text, stopped) = isEnd ? ("", false) : state.Scanner.Append(SimulatedText.Decode([id]));
        stopped &= state.Generated > _request.MinTokens;
        FinishReason? finish = stopped || isEnd ? FinishReason.Stop : happened.Last ? FinishReason.Length : null;
        if (finish is not null && !stopped) text += state.Scanner.Flush();
        if (text.Length > 0 || finish is not null) Send(choice, text, finish, happened.At, null);
        return stopped && !happened.Last;
    }

    public void End(int choice, FinishReason reason, TimeSpan now, Exception? error)
    {
        if (!_choices[choice].Ended) Send(choice, "", reason, now, error);
    }

    /// <summary>The process is gone: readers see a broken stream, not an end.</summary>
    public void Break(Exception error) => _events.Writer.TryComplete(error);

    private void Send(int choice, string text, FinishReason? finish, TimeSpan now, Exception? error)
    {
        var state = _choices[choice];
        GeneratedTokens tokens = [.. state.Unsent];
        state.Unsent.Clear();
        state.Ended = finish is not null;
        if (state.Ended) _left--;
        Write(new(choice, text, tokens, finish) { Usage = Ended ? Usage(now) : null, Error = error });
        if (Ended) _events.Writer.TryComplete();
    }

    private void Write(GenerationEvent item)
    {
        TooSlow |= item.Finish is null && _events.Reader.Count >= MostUnread;
        if (!TooSlow || item.Finish is not null) _events.Writer.TryWrite(item);
    }

    private GenerationUsage Usage(TimeSpan now) => new(
        _request.PromptTokens.Count,
        _choices.Sum(choice => choice.Generated),
        _cached,
        (_startedAt ?? now) - _submittedAt,
        _firstTokenAt - _submittedAt,
        now - _submittedAt)
    {
        Speculation = Speculation,
    };

    private GeneratedToken Token(int choice, int id, int? position)
    {
        var state = _choices[choice];
        var bytes = SimulatedText.BytesOf(id);
        var offset = state.Offset;
        state.Offset += CodePoints(bytes.Span);
        if (_request.Logprobs is not { } most || position is not { } at) return new(id, bytes, offset, null, []);
        var logprob = -0.25 - (SimulatedText.Mix(_seed + (ulong)at) % 512) / 1024.0;
        var top = new TokenLogprob[most];
        for (var rank = 0; rank < most; rank++)
        {
            var other = rank == 0 ? id : SimulatedText.Other(Math.Max(id, 256), rank);
            top[rank] = new(other, SimulatedText.BytesOf(other), logprob - rank);
        }

        return new(id, bytes, offset, logprob, top);
    }

    /// <summary>Code points that begin in these bytes.</summary>
    private static int CodePoints(ReadOnlySpan<byte> bytes)
    {
        var count = 0;
        foreach (var value in bytes)
        {
            if ((value & 0xC0) != 0x80) count++;
        }

        return count;
    }

    private sealed class Choice(IReadOnlyList<string> stops)
    {
        public StopScanner Scanner { get; } = new(stops);

        public PredictedAnswer? Predicted { get; init; }

        public List<GeneratedToken> Unsent { get; } = [];

        public int Generated { get; set; }

        public int Offset { get; set; }

        public bool HasEndToken { get; set; }

        public bool Ended { get; set; }
    }
}
