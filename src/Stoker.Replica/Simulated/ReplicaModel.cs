namespace Stoker.Replica.Simulated;

/// <summary>What happened to a sequence.</summary>
public enum ReplicaModelStep { Token, Crash }

/// <param name="At">Since the model's beginning.</param>
/// <param name="Index">The token's index in its answer, from 0.</param>
/// <param name="Last">The sequence ended with this token and its slot is free.</param>
/// <param name="StartedAt">When the sequence got its slot.</param>
/// <param name="Cached">Prompt tokens that the prefix cache saved.</param>
public readonly record struct ReplicaModelEvent(
    TimeSpan At, ReplicaModelStep Step, int Sequence, int Index, bool Last, TimeSpan StartedAt, int Cached);

/// <summary>
/// A replica as a model of its times: slots, a serial prefill that the prefix cache shortens, decode at a fixed rate,
/// faults. Pure: it has no clock of its own and does only what <see cref="TryAdvance"/> is told, so that a second or a
/// week of it runs in no time.
/// </summary>
/// <remarks>
/// <list type="table">
/// <item><term>waiting</term><description>a slot is free → prefill queue, in order of arrival</description></item>
/// <item><term>prefill queue</term><description>the prefill is free → prefill</description></item>
/// <item><term>prefill</term><description>overhead + uncached tokens / rate later → first token, decode</description></item>
/// <item><term>decode</term><description>a token each 1 / rate, and with it those that come in its step; after the last one gone</description></item>
/// <item><term>any</term><description>cancel → gone</description></item>
/// </list>
/// </remarks>
public sealed class ReplicaModel(ReplicaModelOptions options)
{
    private readonly Dictionary<int, Sequence> _sequences = [];
    private readonly LinkedList<Sequence> _waiting = new();
    private readonly LinkedList<Sequence> _prefills = new();
    private readonly PriorityQueue<Sequence, (TimeSpan At, long Order)> _due = new();
    private readonly PrefixCache _cache = new(options.PrefixCacheTokens, options.PrefixBlockTokens);
    private readonly TimeSpan _tokenTime = TimeSpan.FromSeconds(1 / options.DecodeTokensPerSecond);
    private int _prefilling;
    private int _lastId;
    private long _order;
    private bool _crashed;

    public int Running { get; private set; }

    public int Waiting => _waiting.Count;

    /// <summary>Tokens generated so far, of all sequences.</summary>
    public long Generated { get; private set; }

    /// <summary>Nothing moves any more, by the fault that the options ask for.</summary>
    public bool Hung => options.HangAfterTokens <= Generated;

    /// <summary>
    /// When <see cref="TryAdvance"/> will next have something to say; null: not before something new is submitted.
    /// </summary>
    public TimeSpan? NextAt => !Hung && !_crashed && DropStale() ? Peek().At : null;

    /// <param name="tokens">Tokens it will generate, at least one.</param>
    /// <param name="cacheSalt">Only prompts with the same one share prefixes.</param>
    /// <param name="comesWithPrevious">Whether a token, by its index, takes no time of its own; where every token is an event.</param>
    /// <returns>The sequence's number.</returns>
    public int Submit(TimeSpan now, IReadOnlyList<int> prompt, int tokens, string? cacheSalt = null, Func<int, bool>? comesWithPrevious = null) =>
        Submit(now, prompt.Count, PrefixCache.KeysOf(prompt, cacheSalt), tokens, comesWithPrevious);

    /// <summary>A prompt of which only the length and the keys of its full blocks are known.</summary>
    /// <returns>The sequence's number.</returns>
    public int Submit(TimeSpan now, int promptTokens, ulong[] keys, int tokens, Func<int, bool>? comesWithPrevious = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(tokens, 1);
        var sequence = new Sequence(++_lastId, promptTokens, keys, tokens) { ComesWithPrevious = comesWithPrevious };
        _sequences.Add(sequence.Id, sequence);
        _waiting.AddLast(sequence);
        Fill(now);
        return sequence.Id;
    }

    /// <summary>Tokens of such a prompt that the prefix cache has now; no use of them.</summary>
    public int CachedOf(ReadOnlySpan<ulong> keys) => _cache.Holds(keys) * options.PrefixBlockTokens;

    public void Cancel(TimeSpan now, int id)
    {
        if (_sequences.GetValueOrDefault(id) is { } sequence) Remove(now, sequence);
    }

    /// <summary>Takes the next event that is due at <paramref name="now"/> or before.</summary>
    public bool TryAdvance(TimeSpan now, out ReplicaModelEvent happened)
    {
        happened = default;
        if (NextAt is not { } at || at > now) return false;
        var sequence = _due.Dequeue();
        if (sequence.Prefilling) EndPrefill(at, sequence);
        var step = options.EveryToken || sequence.Generated == 0 ? 1 : sequence.Tokens - sequence.Generated;
        Generated += step;
        sequence.Generated += step;
        var last = sequence.Generated == sequence.Tokens;
        _crashed = options.CrashAfterTokens < Generated;
        happened = new(
            at, _crashed ? ReplicaModelStep.Crash : ReplicaModelStep.Token, sequence.Id, sequence.Generated - 1, last, sequence.StartedAt, sequence.Cached);
        if (last) Remove(at, sequence);
        else if (options.EveryToken) Schedule(sequence, sequence.ComesWithPrevious?.Invoke(sequence.Generated) == true ? at : at + _tokenTime);
        else Schedule(sequence, at + (_tokenTime * (sequence.Tokens - sequence.Generated)));
        return true;
    }

    private void Fill(TimeSpan now)
    {
        while (Running < options.Slots && _waiting.First is { } first)
        {
            _waiting.RemoveFirst();
            Running++;
            first.Value.StartedAt = now;
            _prefills.AddLast(first.Value);
        }

        while (_prefilling < options.PrefillsAtOnce && _prefills.First is { } next)
        {
            _prefills.RemoveFirst();
            BeginPrefill(now, next.Value);
        }
    }

    private void BeginPrefill(TimeSpan now, Sequence sequence)
    {
        (_prefilling, sequence.Prefilling) = (_prefilling + 1, true);

        // The last prompt token is always computed: its logits give the first token.
        sequence.Cached = Math.Min(_cache.Match(sequence.Keys) * options.PrefixBlockTokens, sequence.PromptTokens - 1);
        var prefill = TimeSpan.FromSeconds((sequence.PromptTokens - sequence.Cached) / options.PrefillTokensPerSecond);
        Schedule(sequence, now + options.RequestOverhead + prefill);
    }

    private void EndPrefill(TimeSpan now, Sequence sequence)
    {
        _cache.Insert(sequence.Keys);
        (_prefilling, sequence.Prefilling) = (_prefilling - 1, false);
        Fill(now);
    }

    private void Remove(TimeSpan now, Sequence sequence)
    {
        _sequences.Remove(sequence.Id);
        sequence.Gone = true; // its entry in the queue of due events is dropped when it comes up
        if (!_waiting.Remove(sequence))
        {
            Running--;
            if (sequence.Prefilling) (_prefilling, sequence.Prefilling) = (_prefilling - 1, false);
            else _prefills.Remove(sequence);
        }

        Fill(now);
    }

    private void Schedule(Sequence sequence, TimeSpan at) => _due.Enqueue(sequence, (at, _order++));

    private bool DropStale()
    {
        while (_due.TryPeek(out var sequence, out _) && sequence.Gone) _due.Dequeue();
        return _due.Count > 0;
    }

    private (TimeSpan At, long Order) Peek() =>
        _due.TryPeek(out _, out var priority) ? priority : throw new InvalidOperationException("Nothing is due.");

    private sealed class Sequence(int id, int promptTokens, ulong[] keys, int tokens)
    {
        public int Id { get; } = id;

        public int PromptTokens { get; } = promptTokens;

        public ulong[] Keys { get; } = keys;

        public int Tokens { get; } = tokens;

        public Func<int, bool>? ComesWithPrevious { get; init; }

        public bool Prefilling { get; set; }

        public int Cached { get; set; }

        public int Generated { get; set; }

        public TimeSpan StartedAt { get; set; }

        public bool Gone { get; set; }
    }
}
