namespace Stoker.Engine.Scheduling;

/// <summary>
/// Notices a loop that turns without getting on: requests are there, but step after step brings nothing new.
/// </summary>
internal sealed class Watchdog(int maxStepsWithoutProgress)
{
    public int StepsWithoutProgress { get; private set; }

    /// <param name="progress">The step computed a position for the first time, brought a token or ended a
    /// request.</param>
    /// <returns>True when it has gone on for too long; then the count begins anew.</returns>
    public bool Observe(bool progress)
    {
        StepsWithoutProgress = progress ? 0 : StepsWithoutProgress + 1;
        if (StepsWithoutProgress < maxStepsWithoutProgress) return false;
        StepsWithoutProgress = 0;
        return true;
    }
}
