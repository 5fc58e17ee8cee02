namespace Stoker.Engine.Scheduling;

// How choices and requests end, and what the counters learn of tokens.
internal sealed partial class DeliveryDesk
{
    /// <summary>
    /// A choice came to its own end, not by a stop string: what its text still holds goes out, and may yet complete
    /// one.
    /// </summary>
    private void Complete(Sequence sequence, FinishReason reason, string released)
    {
        var stopped = sequence.Output.Flush(LooksForStops(sequence), out var rest);
        Finish(sequence, sequence.Output.Take(released + rest, stopped ? FinishReason.Stop : reason));
    }

    /// <summary>
    /// All unfinished choices of a request end for one reason; what they still hold as text is dropped.
    /// </summary>
    private void EndAll(RequestState request, FinishReason reason, Exception? error)
    {
        foreach (var choice in request.Choices)
        {
            if (choice.Output.Finish is null) Finish(choice, choice.Output.Take("", reason) with { Error = error });
        }
        while (!request.IsEnded) // it never came to have choices
        {
            var item = new GenerationEvent(request.Source.Choices - request.Unfinished, "", [], reason) { Error = error };
            request.Unfinished--;
            if (request.IsCounted) counters.ChoiceEnded(reason, null);
            Close(request, item);
        }
    }

    private void Finish(Sequence sequence, GenerationEvent last)
    {
        var (request, output) = (sequence.Request, sequence.Output);
        output.Finish = last.Finish;
        request.Unfinished--;
        if (request.IsCounted)
        {
            counters.ChoiceEnded(last.Finish!.Value, output.Own < 2
                ? null
                : time.GetElapsedTime(output.FirstTokenAt, output.LastTokenAt) / (output.Own - 1));
        }

        Close(request, last);
    }

    /// <summary>
    /// Tells the reader of a choice's end; with the last choice, of the usage and the end of the stream.
    /// </summary>
    private void Close(RequestState request, GenerationEvent last)
    {
        if (!request.IsEnded)
        {
            request.Events.WriteLast(last);
            return;
        }
        var usage = Usage(request);
        if (request.StartedAt is not null && request.IsCounted) counters.RequestEnded(usage);
        request.Events.WriteLast(last with { Usage = usage });
        request.Events.Complete();
    }

    /// <summary>The loop holds a choice, or with an end the whole request, no longer.</summary>
    private static void NoteReleased(in Delivery item)
    {
        var request = item.Request;
        request.Held = item.Kind == DeliveryKind.End ? 0 : request.Held - 1;
        if (request.Held <= 0 && request.IsEnded) request.Events.End();
    }

    // Of the loop's values it reads those that were settled before it heard of the request, and the preemptions so far.
    private GenerationUsage Usage(RequestState request)
    {
        var (now, start) = (time.GetTimestamp(), request.SubmittedAt);
        var preemptions = 0;
        foreach (var choice in request.Choices) preemptions += choice.Preemptions;
        return new(
            request.Prompt.Length,
            request.CompletionTokens,
            request.CachedTokens,
            QueueTime: time.GetElapsedTime(start, request.StartedAt ?? now),
            TimeToFirstToken: request.FirstTokenAt is { } first ? time.GetElapsedTime(start, first) : null,
            Duration: time.GetElapsedTime(start, now))
        {
            Preemptions = preemptions,
            Speculation = SpeculationOf(request),
        };
    }

    private static SpeculationStatistics? SpeculationOf(RequestState request)
    {
        var drafts = request.Speculation?.Snapshot();
        if (request.Prediction.Length == 0) return drafts;
        var matched = 0L;
        foreach (var choice in request.Choices) matched += choice.Output.Matched;
        return (drafts ?? SpeculationStatistics.None) with
        {
            PredictionTokens = (long)request.Prediction.Length * request.Source.Choices,
            PredictionMatched = matched,
        };
    }

    private void NoteDrafts(RequestState request, int drafts)
    {
        (request.Speculation ??= new()).Verified(drafts);
        if (request.IsCounted) counters.DraftsVerified(drafts);
    }

    private void NoteAccepted(RequestState request, int position)
    {
        request.Speculation!.Accepted(position);
        if (request.IsCounted) counters.DraftAccepted(position);
    }

    private void NoteToken(Sequence sequence, long at)
    {
        var (request, output) = (sequence.Request, sequence.Output);
        if (request.FirstTokenAt is null)
        {
            request.FirstTokenAt = at;
            if (request.IsCounted) counters.FirstToken(time.GetElapsedTime(request.SubmittedAt, at));
        }
        var first = output.Own == 1;
        if (request.IsCounted) counters.Token(first ? null : time.GetElapsedTime(output.LastTokenAt, at));
        if (first) output.FirstTokenAt = at;
        output.LastTokenAt = at;
    }
}
