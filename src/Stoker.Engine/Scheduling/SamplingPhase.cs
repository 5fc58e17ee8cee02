using Stoker.Engine.Kernels;
using Stoker.Engine.Sampling;

namespace Stoker.Engine.Scheduling;

/// <summary>A token to draw from a row of logits, and then the one that was drawn.</summary>
internal record struct Draw(Sequence Sequence, int LogitRow)
{
    public int Token { get; set; }

    public TokenValues? Values { get; set; }

    /// <summary>Of this draw alone.</summary>
    public Exception? Error { get; set; }
}

/// <summary>
/// Draws the tokens of a step: many rows on the team's threads, few on the caller's. Which thread draws a row changes
/// nothing: a draw is a function of its row, its sequence and its position.
/// </summary>
internal sealed class SamplingPhase
{
    /// <summary>Each has 20 bytes of scratch for every entry of the vocabulary; beyond eight, sampling is no longer what a step waits for.</summary>
    private const int MostThreads = 8;

    /// <summary>Logits under which a wake-up would cost more than it saves: some 20 us of the cheapest sampling.</summary>
    private const long LeastShared = 200_000;

    private readonly int _drawable; // ids below are tokens, those above padding of the output matrix
    private readonly ThreadTeam? _team;
    private readonly SamplingScratch[] _scratches;
    private readonly Draw[] _draws;
    private readonly Action<int, int> _part;
    private float[] _logits = [];
    private int _count, _next, _stride;

    public SamplingPhase(StepLimits limits, int drawable, ThreadTeam? team)
    {
        (_drawable, _team, _draws, _part) = (drawable, team, new Draw[limits.MaxSequences], DrawPart);
        _scratches = new SamplingScratch[team is null ? 1 : limits.Samplers];
        for (var thread = 0; thread < _scratches.Length; thread++) _scratches[thread] = new(drawable);
    }

    /// <summary>The caller's, outside <see cref="Run"/>.</summary>
    public SamplingScratch Scratch => _scratches[0];

    public ReadOnlySpan<Draw> Draws => _draws.AsSpan(0, _count);

    /// <summary>Threads that a step of the most sequences is shared by.</summary>
    public static int ThreadCount(int maxSequences, int vocabularySize, int teamThreads) =>
        (long)maxSequences * vocabularySize < LeastShared ? 1 : Math.Min(Math.Min(teamThreads, maxSequences), MostThreads);

    public void Clear()
    {
        Array.Clear(_draws, 0, _count); // holds on to no finished sequence
        _count = 0;
    }

    public void Add(Sequence sequence, int logitRow) => _draws[_count++] = new(sequence, logitRow);

    /// <param name="stride">From one row of logits to the next.</param>
    public void Run(float[] logits, int stride)
    {
        (_logits, _stride, _next) = (logits, stride, 0);
        if (_scratches.Length > 1 && (long)_count * _drawable >= LeastShared && _count > 1) _team!.Run(_part);
        else DrawPart(0, 1);
    }

    public ReadOnlySpan<float> Row(float[] logits, int stride, int row) => logits.AsSpan(row * stride, _drawable);

    // Rows are dealt out one by one: one with a nucleus costs ten times one without.
    private void DrawPart(int part, int parts)
    {
        if (part >= _scratches.Length) return;
        for (var index = Interlocked.Increment(ref _next) - 1; index < _count; index = Interlocked.Increment(ref _next) - 1)
        {
            DrawOne(ref _draws[index], _scratches[part]);
        }
    }

    private void DrawOne(ref Draw draw, SamplingScratch scratch)
    {
        try
        {
            var (sequence, source) = (draw.Sequence, draw.Sequence.Request.Source);
            var logits = Row(_logits, _stride, draw.LogitRow);
            ReadOnlySpan<int> masked = sequence.Generated < source.MinTokens ? sequence.Request.EndTokens : [];
            draw.Token = sequence.Sampler.Choose(logits, sequence.TokenCount, masked, scratch);
            if (source.Logprobs is not { } count) return;
            var sum = Logprobs.LogSumExp(logits);
            draw.Values = new(Logprobs.Of(logits[draw.Token], sum), Logprobs.Top(logits, sum, count, scratch));
        }
        catch (Exception error)
        {
            draw.Error = error;
        }
    }
}
