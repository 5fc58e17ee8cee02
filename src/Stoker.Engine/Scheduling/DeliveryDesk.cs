namespace Stoker.Engine.Scheduling;

/// <summary>
/// Turns what the loop has decided into what readers see: text, stop strings, log-probabilities, events, usage, counters.
/// </summary>
/// <remarks>
/// One thread at a time uses it: the loop's own, or a <see cref="DeliveryThread"/>, so that all this happens while the next
/// step computes. It owns the <see cref="ChoiceOutput"/>s and a request's events, usage and times of tokens; the loop owns
/// sequences, blocks and the queue. Neither waits for the other:
/// | the desk finds                      | the reader learns | the loop is asked to |
/// | ----------------------------------- | ----------------- | -------------------- |
/// | a stop string                       | at once           | let go of the choice |
/// | a reader that is too slow, a fault  | at once           | let go of the request |
/// Until the loop has heard of it, tokens may still come: they are dropped and count nowhere. A request is over
/// (<see cref="EventBuffer.Ended"/>) when its readers know all and the loop holds nothing of it.
/// </remarks>
internal sealed partial class DeliveryDesk(ITextDecoder decoder, EngineCounters counters, TimeProvider time)
{
    /// <summary>Called when a stop string ended a choice.</summary>
    public required Action<Sequence> Stopped { get; set; }

    /// <summary>Called when a request came to a bad end.</summary>
    public required Action<RequestState, FinishReason> Abandoned { get; set; }

    /// <summary>Never throws for what a request does.</summary>
    public void Handle(in Delivery item)
    {
        try
        {
            Dispatch(item);
        }
        catch (Exception error)
        {
            Abandon(item.Request, FinishReason.Error, StepLoop.Fault(error));
        }
        if (item.Finish is not null) NoteReleased(item);
    }

    private void Dispatch(in Delivery item)
    {
        switch (item.Kind)
        {
            case DeliveryKind.Echo when item.Sequence!.Output.Finish is null:
                Send(item.Request, item.Sequence.Output.Echo(item.Request.Echo!));
                break;
            case DeliveryKind.Answered when item.Sequence!.Output.Finish is null:
                TakeAnswered(item.Sequence, item);
                break;
            case DeliveryKind.Token when item.Sequence!.Output.Finish is null:
                TakeToken(item.Sequence, item);
                break;
            case DeliveryKind.Finish when item.Sequence!.Output.Finish is null:
                Complete(item.Sequence, item.Finish!.Value, "");
                break;
            case DeliveryKind.End:
                EndAll(item.Request, item.Finish!.Value, item.Error);
                break;
            default:
                break; // of a choice that has ended here
        }
    }

    private void TakeToken(Sequence sequence, in Delivery item)
    {
        var (request, output) = (sequence.Request, sequence.Output);
        var token = Token(item);
        output.Count();
        output.Follow(request.Prediction, item.Token);
        request.CompletionTokens++;
        NoteToken(sequence, item.At);
        if (item.Drafted > 0) NoteDrafts(request, item.Drafted);
        if (item.Finish == FinishReason.Stop)
        {
            output.AppendEnd(token);
            Complete(sequence, FinishReason.Stop, "");
        }
        else if (output.Append(token, LooksForStops(sequence), out var released))
        {
            Finish(sequence, output.Take(released, FinishReason.Stop));
            if (item.Finish is null) Stopped(sequence);
        }
        else
        {
            if (item.DraftPosition > 0) NoteAccepted(request, item.DraftPosition);
            if (item.Finish is { } reason) Complete(sequence, reason, released);
            else if (released.Length > 0) Send(request, output.Take(released, null));
        }
    }

    private GeneratedToken Token(in Delivery item) => item.Values is not { } values
        ? ChoiceOutput.Token(item.Token, decoder.TokenBytes(item.Token), null, null)
        : ChoiceOutput.Token(item.Token, decoder.TokenBytes(item.Token), values.Logprob, ChoiceOutput.Named(values.Top, decoder));

    private static bool LooksForStops(Sequence sequence) => sequence.Output.Generated >= sequence.Request.Source.MinTokens;

    private void Send(RequestState request, GenerationEvent item)
    {
        if (request.Events.TryWrite(item)) return;
        Abandon(request, FinishReason.Cancelled, new EngineFaultException(
            "The reader left too many events unread; the request was cancelled so that nothing waits for it."));
    }

    private void Abandon(RequestState request, FinishReason reason, Exception error)
    {
        EndAll(request, reason, error);
        Abandoned(request, reason);
    }
}
