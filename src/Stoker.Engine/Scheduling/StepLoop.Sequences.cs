using Stoker.Engine.Sampling;

namespace Stoker.Engine.Scheduling;

// What a step means for one sequence: echo, token, end.
internal sealed partial class StepLoop
{
    /// <summary>Uses the logits of a sequence's rows. True when there is something new.</summary>
    private bool Advance(Sequence sequence, PlannedRows rows, int firstLogitRow)
    {
        var request = sequence.Request;
        if (rows is { Logits: WantedLogits.All, Drafts: 0 }) TakeEcho(request, rows, firstLogitRow);
        if (sequence.Gap > 0) return false;
        SendEcho(sequence);
        if (sequence.IsGone) return true; // the echo was too much for a slow reader
        if (request.MaxTokens == 0)
        {
            Leave(sequence);
            Post(new(DeliveryKind.Finish, request, sequence) { Finish = FinishReason.Length });
            return true;
        }

        var lastRow = rows.Logits == WantedLogits.All ? firstLogitRow + rows.Count - 1 - rows.Drafts : firstLogitRow;
        _sampling.Add(sequence, lastRow, rows.Drafts);
        return true;
    }

    private void TakeEcho(RequestState request, PlannedRows rows, int firstLogitRow)
    {
        var echo = request.Echo!;
        if (echo.IsClosed) return; // a sibling that began beside the first choice computes the same values
        for (var index = 0; index < rows.Count; index++)
        {
            var position = rows.FirstPosition + index;
            if (!echo.Wants(position)) continue;
            var logits = _sampling.Row(_logits, _model.Shape.VocabularySize, firstLogitRow + index);
            var sum = Logprobs.LogSumExp(logits);
            var top = Logprobs.Top(logits, sum, request.Source.Logprobs!.Value, _sampling.Scratch);
            echo.Set(position, Logprobs.Of(logits[echo.TokenAfter(position)], sum), ChoiceOutput.Named(top, _decoder));
        }
    }

    private void SendEcho(Sequence sequence)
    {
        if (sequence.PromptSent) return;
        sequence.PromptSent = true;
        if (sequence.Request.Echo is not { } echo) return;
        echo.IsClosed = true;
        // the values are there
        foreach (var sibling in sequence.Request.Choices) sibling.PromptLogitsFrom = int.MaxValue;
        Post(new(DeliveryKind.Echo, sequence.Request, sequence));
    }

    /// <summary>The answer so far is no news to the reader; it may have come to its end.</summary>
    private void GoOn(RequestState request, Sequence sequence)
    {
        var end = request.AnsweredEnd;
        if (end is not null) Leave(sequence);
        Post(new(DeliveryKind.Answered, request, sequence) { Finish = end });
    }

    /// <summary>Accepted drafts and a drawn token join their sequence; an end token or the last that was asked for ends it.</summary>
    private void Take(in Draw draw)
    {
        var (sequence, request) = (draw.Sequence, draw.Sequence.Request);
        if (sequence.IsGone) return; // ended with a sibling
        if (draw.Drafts > 0) TakeDrafts(draw);
        if (sequence.IsGone) return; // a stop string, or a reader that is too slow
        if (draw.Error is { } error)
        {
            End(request, FinishReason.Error, Fault(error));
            return;
        }
        sequence.Append(draw.Token);
        sequence.Sampler.Observe(draw.Token);
        FinishReason? finish = request.IsEndToken(draw.Token) ? FinishReason.Stop : sequence.Generated == request.MaxTokens ? FinishReason.Length : null;
        if (finish is not null) Leave(sequence);
        Post(new(DeliveryKind.Token, request, sequence)
        {
            Token = draw.Token,
            At = _now,
            Values = draw.Values,
            Finish = finish,
            Drafted = draw.Accepted == 0 ? draw.Drafts : 0,
        });
    }

    /// <summary>All at once, as far as the loop goes: what lies in the blocks may serve others even if the text ends in the middle.</summary>
    private void TakeDrafts(in Draw draw)
    {
        var (sequence, drafts) = (draw.Sequence, draw.Sequence.Drafts);
        foreach (var token in drafts.Tokens[..draw.Accepted]) sequence.Append(token);
        _scheduler.Accept(sequence, draw.Accepted);
        drafts.Accepted = draw.Accepted;
        for (var index = 0; index < draw.Accepted && !sequence.IsGone; index++)
        {
            Post(new(DeliveryKind.Token, sequence.Request, sequence)
            {
                Token = drafts.Tokens[index],
                At = _now,
                Values = draw.DraftValues?[index],
                Drafted = index == 0 ? draw.Drafts : 0,
                DraftPosition = index + 1,
            });
        }
    }
}
