namespace Stoker.Engine.Scheduling;

// How choices and requests end, and what the counters learn on the way.
internal sealed partial class StepLoop
{
    /// <summary>
    /// A choice came to its own end, not by a stop string: what its text still holds goes out, and may yet complete
    /// one.
    /// </summary>
    private void Complete(Sequence sequence, FinishReason reason, string released = "")
    {
        var stopped = sequence.Text.Finish(LooksForStops(sequence), out var rest);
        Finish(sequence, sequence.Text.Take(released + rest, stopped ? FinishReason.Stop : reason)!);
    }

    /// <summary>
    /// All unfinished choices of a request end for one reason; what they still hold as text is dropped.
    /// </summary>
    private void End(RequestState request, FinishReason reason, Exception? error)
    {
        if (request.IsEnded) return;
        if (request.Choices.Length == 0) EndUnprepared(request, reason, error);
        foreach (var choice in request.Choices)
        {
            if (choice.Finish is null) Finish(choice, choice.Text.Take("", reason)! with { Error = error });
        }
    }

    private void EndUnprepared(RequestState request, FinishReason reason, Exception? error)
    {
        while (!request.IsEnded)
        {
            var item =
                new GenerationEvent(request.Source.Choices - request.Unfinished, "", [], reason) { Error = error };
            request.Unfinished--;
            _counters.ChoiceEnded(reason, null);
            Close(request, item);
        }
    }

    private void Finish(Sequence sequence, GenerationEvent last)
    {
        var request = sequence.Request;
        sequence.End(last.Finish!.Value);
        _scheduler.Remove(sequence, failed: sequence.Finish == FinishReason.Error);
        request.Unfinished--;
        _counters.ChoiceEnded(sequence.Finish!.Value, sequence.Generated < 2
            ? null
            : _time.GetElapsedTime(sequence.FirstTokenAt, sequence.LastTokenAt) / (sequence.Generated - 1));
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
        request.LeaveQueue();
        var usage = Usage(request);
        if (request.StartedAt is not null) _counters.RequestEnded(usage.Duration);
        // before the reader can ask
        _counters.State(_scheduler.Running.Count, _scheduler.Waiting.Count, _scheduler.Pool.UsedCount);
        request.Events.WriteLast(last with { Usage = usage });
        request.Events.Close();
    }

    private GenerationUsage Usage(RequestState request)
    {
        var (now, start) = (_time.GetTimestamp(), request.SubmittedAt);
        return new(
            request.Prompt.Length,
            request.CompletionTokens,
            request.CachedTokens,
            QueueTime: _time.GetElapsedTime(start, request.StartedAt ?? now),
            TimeToFirstToken: request.FirstTokenAt is { } first ? _time.GetElapsedTime(start, first) : null,
            Duration: _time.GetElapsedTime(start, now))
        {
            Preemptions = request.Choices.Sum(choice => choice.Preemptions),
        };
    }

    private void NoteStart(PlannedAdmission admission)
    {
        var request = ((Sequence)admission.Sequence).Request;
        if (request.StartedAt is not null) return; // another choice of it, or one that was preempted
        request.StartedAt = _time.GetTimestamp();
        request.CachedTokens = admission.SharedBlocks * _scheduler.Limits.BlockSize;
        _counters.RequestStarted(
            request.Prompt.Length,
            _scheduler.Pool.HasPrefixes ? request.CachedTokens : null,
            _time.GetElapsedTime(request.SubmittedAt, request.StartedAt.Value));
        request.LeaveQueue();
    }

    private void NoteToken(Sequence sequence)
    {
        var (now, request) = (_time.GetTimestamp(), sequence.Request);
        if (request.FirstTokenAt is null)
        {
            request.FirstTokenAt = now;
            _counters.FirstToken(_time.GetElapsedTime(request.SubmittedAt, now));
        }
        var first = sequence.Generated == 1;
        _counters.Token(first ? null : _time.GetElapsedTime(sequence.LastTokenAt, now));
        if (first) sequence.FirstTokenAt = now;
        sequence.LastTokenAt = now;
    }
}
