using Stoker.Engine.Sampling;

namespace Stoker.Engine.Scheduling;

// What a step means for one sequence: echo, token, text, end.
internal sealed partial class StepLoop
{
    /// <summary>Uses the logits of a sequence's rows. True when there was something new.</summary>
    private bool Advance(Sequence sequence, PlannedRows rows, int firstLogitRow)
    {
        if (rows.Logits == WantedLogits.All) TakeEcho(sequence.Request, rows, firstLogitRow);
        if (sequence.Gap > 0) return false;
        SendEcho(sequence);
        if (sequence.Finish is not null) return true; // the echo was too much for a slow reader
        if (sequence.Request.MaxTokens == 0)
        {
            Complete(sequence, FinishReason.Length);
            return true;
        }

        var lastRow = rows.Logits == WantedLogits.All ? firstLogitRow + rows.Count - 1 : firstLogitRow;
        AdvanceByToken(sequence, Draw(sequence, LogitRow(lastRow)));
        return true;
    }

    private void TakeEcho(RequestState request, PlannedRows rows, int firstLogitRow)
    {
        var echo = request.Echo!;
        if (echo.IsSent) return; // a sibling that began beside the first choice computes the same values
        for (var index = 0; index < rows.Count; index++)
        {
            if (!echo.Wants(rows.FirstPosition + index)) continue;
            var logits = LogitRow(firstLogitRow + index);
            var sum = Logprobs.LogSumExp(logits);
            var top = Top(logits, sum, request.Source.Logprobs!.Value);
            echo.Set(rows.FirstPosition + index, Logprobs.Of(logits[echo.TokenAfter(rows.FirstPosition + index)], sum), top);
        }
    }

    private void SendEcho(Sequence sequence)
    {
        if (sequence.PromptSent) return;
        sequence.PromptSent = true;
        if (sequence.Request.Echo is not { } echo) return;
        // the values are there
        foreach (var sibling in sequence.Request.Choices) sibling.PromptLogitsFrom = int.MaxValue;
        Send(sequence.Request, sequence.Text.Echo(echo));
    }

    private GeneratedToken Draw(Sequence sequence, ReadOnlySpan<float> logits)
    {
        var request = sequence.Request;
        var sum = request.Source.Logprobs is null ? 0 : Logprobs.LogSumExp(logits);
        var top = request.Source.Logprobs is { } count ? Top(logits, sum, count) : null;
        var masked = sequence.Generated < request.Source.MinTokens ? request.EndTokens : [];
        var id = sequence.Sampler.Choose(logits, sequence.TokenCount, masked, _scratch);
        sequence.Sampler.Observe(id);
        double? logprob = request.Source.Logprobs is null ? null : Logprobs.Of(logits[id], sum);
        return ChoiceText.Token(id, _decoder.TokenBytes(id), logprob, top);
    }

    private void AdvanceByToken(Sequence sequence, GeneratedToken token)
    {
        var request = sequence.Request;
        sequence.Append(token.Id);
        request.CompletionTokens++;
        NoteToken(sequence);
        if (Array.IndexOf(request.EndTokens, token.Id) >= 0)
        {
            sequence.Text.AppendEnd(token);
            Complete(sequence, FinishReason.Stop);
        }
        else if (sequence.Text.Append(token, LooksForStops(sequence), out var released))
        {
            Finish(sequence, sequence.Text.Take(released, FinishReason.Stop)!);
        }
        else if (sequence.Generated == request.MaxTokens)
        {
            Complete(sequence, FinishReason.Length, released);
        }
        else if (sequence.Text.Take(released, null) is { } item)
        {
            Send(request, item);
        }
    }

    private static bool LooksForStops(Sequence sequence) => sequence.Generated >= sequence.Request.Source.MinTokens;

    private void Send(RequestState request, GenerationEvent item)
    {
        if (request.Events.TryWrite(item)) return;
        Cancel(request, new EngineFaultException("The reader left too many events unread; the request was cancelled so that nothing waits for it."));
    }

    private List<TokenLogprob> Top(ReadOnlySpan<float> logits, double logSumExp, int count)
    {
        var top = new List<TokenLogprob>(count);
        foreach (var (id, logprob) in Logprobs.Top(logits, logSumExp, count, _scratch)) top.Add(new(id, _decoder.TokenBytes(id), logprob));
        return top;
    }
}
