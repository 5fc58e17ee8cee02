using Stoker.Engine.Kernels;
using Stoker.Engine.Sampling;

namespace Stoker.Engine.Scheduling;

/// <summary>A token to draw from a row of logits, and then the one that was drawn.</summary>
/// <param name="LogitRow">The first row: of the sequence's last token. Rows of its drafts follow.</param>
/// <param name="Drafts">So many of the sequence's drafts are verified on the way.</param>
internal record struct Draw(Sequence Sequence, int LogitRow, int Drafts = 0)
{
    /// <summary>Drafts that were drawn, one after the other; <see cref="Token"/> follows them.</summary>
    public int Accepted { get; set; }

    /// <summary>No draft, or not taken as one: a token that ends the answer is the step's own.</summary>
    public int Token { get; set; }

    public TokenValues? Values { get; set; }

    /// <summary>Of the accepted drafts; null where nobody asked.</summary>
    public TokenValues[]? DraftValues { get; set; }

    /// <summary>Of this draw alone; what was accepted before it counts.</summary>
    public Exception? Error { get; set; }
}

/// <summary>
/// Draws the tokens of a step: many rows on the team's threads, few on the caller's. Which thread draws a row changes
/// nothing: a draw is a function of its row, its sequence and its position.
/// </summary>
/// <remarks>
/// Drafts are verified by drawing: at each row as if there were no drafts, with the tokens before it as history, on to the first
/// token that is not the draft. So speculation is in no answer, sampled ones included.
/// </remarks>
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
    private int _count, _rows, _next, _stride;

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
        (_count, _rows) = (0, 0);
    }

    public void Add(Sequence sequence, int logitRow, int drafts = 0)
    {
        _draws[_count++] = new(sequence, logitRow, drafts);
        _rows += 1 + drafts;
    }

    /// <param name="stride">From one row of logits to the next.</param>
    public void Run(float[] logits, int stride)
    {
        (_logits, _stride, _next) = (logits, stride, 0);
        if (_scratches.Length > 1 && (long)_rows * _drawable >= LeastShared && _count > 1) _team!.Run(_part);
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
            while (DrawNext(ref draw, scratch))
            {
            }
        }
        catch (Exception error)
        {
            draw.Error = error;
        }
    }

    /// <summary>True when the token is the draft at its place, and the one behind it can be drawn.</summary>
    private bool DrawNext(ref Draw draw, SamplingScratch scratch)
    {
        var (sequence, request, done) = (draw.Sequence, draw.Sequence.Request, draw.Accepted);
        var logits = Row(_logits, _stride, draw.LogitRow + done);
        ReadOnlySpan<int> masked = sequence.Generated + done < request.Source.MinTokens ? request.EndTokens : [];
        draw.Token = sequence.Sampler.Choose(logits, sequence.TokenCount + done, masked, scratch);
        draw.Values = Values(logits, draw.Token, request.Source.Logprobs, scratch);
        if (done == draw.Drafts || draw.Token != sequence.Drafts.Tokens[done] || request.IsEndToken(draw.Token)) return false;
        if (draw.Values is { } values) (draw.DraftValues ??= new TokenValues[draw.Drafts])[done] = values;
        draw.Accepted++;
        sequence.Sampler.Observe(draw.Token);
        return true;
    }

    private static TokenValues? Values(ReadOnlySpan<float> logits, int token, int? top, SamplingScratch scratch)
    {
        if (top is not { } count) return null;
        var sum = Logprobs.LogSumExp(logits);
        return new(Logprobs.Of(logits[token], sum), Logprobs.Top(logits, sum, count, scratch));
    }
}
