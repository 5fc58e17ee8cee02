namespace Stoker.ControlPlane.Autoscaling;

/// <summary>
/// What the gateway saw of one deployment between two looks. Load is requests queued (held) plus running.
/// </summary>
/// <param name="Mean">The load averaged over the time, not over its changes: requests shorter than a look count with
/// their share.</param>
/// <param name="Requests">Requests that arrived, whether they were held or began at once.</param>
/// <param name="PromptTokens">Of requests that ended.</param>
/// <param name="GeneratedTokens">Of requests that ended.</param>
public readonly record struct LoadBucket(
    int Lowest, int Highest, double Mean, long Requests = 0, long PromptTokens = 0, long GeneratedTokens = 0)
{
    public bool IsIdle => Highest == 0 && Requests == 0;

    /// <summary>A load that did not change, with no request arriving or ending.</summary>
    public static LoadBucket Steady(int load) => new(load, load, load);
}
