namespace Stoker.Engine.Scheduling;

internal enum DeliveryKind
{
    /// <summary>The echo of the prompt is complete.</summary>
    Echo,

    /// <summary>The reader has had a beginning of the answer, which is to be gone on after.</summary>
    Answered,

    /// <summary>A token was drawn; with <see cref="Delivery.Finish"/> the last one.</summary>
    Token,

    /// <summary>The choice ends without a further token.</summary>
    Finish,

    /// <summary>All choices of the request that have no end yet end now.</summary>
    End,

    /// <summary>The loop has let go of a choice that the delivery ended.</summary>
    Release,
}

/// <summary>One thing that the loop has to tell of a request. A value: nothing is allocated to hand it over.</summary>
internal readonly record struct Delivery(DeliveryKind Kind, RequestState Request, Sequence? Sequence = null)
{
    public int Token { get; init; }

    /// <summary>When it was drawn; a timestamp of the engine's clock.</summary>
    public long At { get; init; }

    /// <summary>Drafts that the step verified; on the first of its tokens.</summary>
    public int Drafted { get; init; }

    /// <summary>Which of the drafts it was, from 1 on; 0: none, the step's own token.</summary>
    public int DraftPosition { get; init; }

    /// <summary>Null: not asked for.</summary>
    public TokenValues? Values { get; init; }

    /// <summary>Set: the loop knows that it is over and holds nothing of the choice any more.</summary>
    public FinishReason? Finish { get; init; }

    public Exception? Error { get; init; }
}

/// <summary>The log-probability of a chosen token and of the most likely ones.</summary>
internal sealed record TokenValues(double Logprob, (int Id, double Logprob)[] Top);
