namespace Stoker.Engine.Scheduling;

// The beginning of an answer that its reader has from another engine.
internal sealed partial class DeliveryDesk
{
    /// <summary>
    /// Brings the choice to where it stood with the reader's last event: text, stop strings, counts. Nobody is told.
    /// </summary>
    /// <remarks>
    /// The same steps as for tokens of our own, so that the state is the same. Tokens after the reader's last event are
    /// told again with the text that they belong to.
    /// </remarks>
    private void TakeAnswered(Sequence sequence, in Delivery item)
    {
        var (request, output) = (sequence.Request, sequence.Output);
        if (request.Echo is { } echo) output.Echo(echo);
        foreach (var id in request.Answered.AsSpan(0, request.Answered.Length - (item.Finish == FinishReason.Stop ? 1 : 0)))
        {
            CountKnown(sequence);
            output.Follow(request.Prediction, id);
            var stopped = output.Append(ChoiceOutput.Token(id, decoder.TokenBytes(id), null, null), LooksForStops(sequence), out var released);
            if (stopped)
            {
                FinishKnown(sequence, FinishReason.Stop);
                if (item.Finish is null) Stopped(sequence);
                return;
            }

            if (released.Length > 0) output.Take(released, null);
        }

        if (item.Finish is not { } reason) return;
        if (reason == FinishReason.Stop) CountKnown(sequence); // the end token
        FinishKnown(sequence, output.Flush(LooksForStops(sequence), out _) ? FinishReason.Stop : reason);
    }

    private static void CountKnown(Sequence sequence)
    {
        sequence.Output.CountKnown();
        sequence.Request.CompletionTokens++;
    }

    private void FinishKnown(Sequence sequence, FinishReason reason) =>
        Finish(sequence, new(sequence.Choice, "", [], reason) { IsKnown = true });
}
