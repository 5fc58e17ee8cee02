namespace Stoker.Engine.Scheduling;

// How the loop lets go of choices and requests. What readers learn of it is the delivery's.
internal sealed partial class StepLoop
{
    /// <summary>All choices that the scheduler still has leave it for one reason.</summary>
    private void End(RequestState request, FinishReason reason, Exception? error)
    {
        if (request.Live == 0) return;
        foreach (var choice in request.Choices)
        {
            if (!choice.IsGone) Leave(choice, failed: reason == FinishReason.Error);
        }
        request.Live = 0; // also where it never came to have choices
        LetGo(request);
        Post(new(DeliveryKind.End, request) { Finish = reason, Error = error });
    }

    private void Leave(Sequence sequence, bool failed = false)
    {
        _scheduler.Remove(sequence, failed);
        sequence.Leave();
        if (--sequence.Request.Live == 0) LetGo(sequence.Request);
        NoteState(); // before a reader can ask
    }

    private static void LetGo(RequestState request)
    {
        request.LeaveQueue();
        request.Addon?.Release();
    }

    /// <summary>Ends those that wait for an addon which cannot be had. False when nobody is left.</summary>
    private bool EndWithoutAddon()
    {
        foreach (var request in Requests())
        {
            if (request.Addon is { IsPinned: false, Failure: { } failure }) End(request, FinishReason.Error, failure);
        }

        NoteState();
        Delivery?.Flush();
        return !_scheduler.IsEmpty;
    }

    private void NoteStart(PlannedAdmission admission)
    {
        var request = ((Sequence)admission.Sequence).Request;
        if (request.StartedAt is not null) return; // another choice of it, or one that was preempted
        request.StartedAt = _time.GetTimestamp();
        // of an answer that is gone on with the cache may have more than the prompt
        request.CachedTokens = Math.Min(admission.SharedBlocks * _scheduler.Limits.BlockSize, request.Prompt.Length);
        if (request.IsCounted)
        {
            _counters.RequestStarted(
                request.Prompt.Length,
                _scheduler.Pool.HasPrefixes ? request.CachedTokens : null,
                _time.GetElapsedTime(request.SubmittedAt, request.StartedAt.Value));
        }

        request.LeaveQueue();
    }
}
