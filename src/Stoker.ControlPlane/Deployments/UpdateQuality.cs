using System.Globalization;
using Stoker.ControlPlane.Replicas;

namespace Stoker.ControlPlane.Deployments;

/// <summary>
/// Whether a new revision serves clearly worse than the one before it. Only differences that chance does not make count,
/// and that somebody would notice: a wrong rollback costs more than a late one.
/// </summary>
internal static class UpdateQuality
{
    private const int LeastAnswers = 20;
    private const int LeastFailures = 5;
    private const int LeastStreams = 50;

    /// <summary>A twentieth of all answers failed that did not fail before.</summary>
    private const double MoreFailures = 0.05;

    /// <summary>Standard errors of the difference: by chance once in some thirty thousand updates.</summary>
    private const double Certainty = 4;

    private const double SlowerFactor = 2;
    private static readonly TimeSpan Slower = TimeSpan.FromMilliseconds(100);

    /// <returns>In words, or null when it is not worse or too little is known.</returns>
    public static string? WhyWorse(AnswerFigures before, AnswerFigures after) => MoreErrors(before, after) ?? SlowerStart(before, after);

    private static string? MoreErrors(AnswerFigures before, AnswerFigures after)
    {
        if (before.Count < LeastAnswers || after.Count < LeastAnswers || after.Failed < LeastFailures) return null;
        var (was, now) = ((double)before.Failed / before.Count, (double)after.Failed / after.Count);
        var pooled = (double)(before.Failed + after.Failed) / (before.Count + after.Count);
        var error = Math.Sqrt(pooled * (1 - pooled) * (1.0 / before.Count + 1.0 / after.Count));
        return now - was >= MoreFailures && now - was >= Certainty * error
            ? string.Create(CultureInfo.InvariantCulture, $"{after.Failed} of its {after.Count} answers failed, {before.Failed} of {before.Count} before")
            : null;
    }

    private static string? SlowerStart(AnswerFigures before, AnswerFigures after)
    {
        if (before.Streams < LeastStreams || after.Streams < LeastStreams) return null;
        var (was, now) = (before.MedianFirstToken!.Value, after.MedianFirstToken!.Value);
        return now >= was * SlowerFactor && now - was >= Slower
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"its median time to the first token is {now.TotalMilliseconds:0} ms over {after.Streams} streams, it was {was.TotalMilliseconds:0} ms over {before.Streams}")
            : null;
    }
}
