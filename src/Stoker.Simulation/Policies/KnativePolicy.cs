using Stoker.ControlPlane.Autoscaling;

namespace Stoker.Simulation.Policies;

/// <summary>
/// A policy in the manner of Knative's: the mean load of a minute, and that of its last six seconds in a panic.
/// </summary>
/// <remarks>
/// Its published defaults: a stable window of 60 s, a panic window of a tenth of it, panic from twice what the ready
/// replicas carry, no growth above a thousandfold and no halving twice within a tick. It counts ready replicas only.
/// </remarks>
public sealed class KnativePolicy(int minReplicas, int maxReplicas, double target = 0.7) : IFleetPolicy
{
    private const int StableSeconds = 60;
    private const int PanicSeconds = 6;
    private const double PanicThreshold = 2;
    private const double MostGrowth = 1000;
    private const double MostShrinking = 2;

    private readonly double[] _ring = new double[StableSeconds];
    private int _seen;
    private int _panicLeft;
    private int _panicCount;

    public int StartCount(double meanLoad, int slots) =>
        Math.Clamp((int)Math.Ceiling(meanLoad / (slots * target)), minReplicas, maxReplicas);

    public void Observe(long second, in LoadBucket bucket)
    {
        _ring[_seen++ % StableSeconds] = bucket.Mean;
        if (_panicLeft > 0) _panicLeft--;
    }

    public int Decide(in FleetView view)
    {
        var perReplica = view.Slots * target;
        var ready = Math.Max(1, view.Ready);
        var (stable, panic) = (Math.Ceiling(Mean(StableSeconds) / perReplica), Math.Ceiling(Mean(PanicSeconds) / perReplica));
        if (view.Desired == 0 && view.Queued > 0) panic = Math.Max(panic, 1); // the activator's poke
        (stable, panic) = (Bounded(stable), Bounded(panic));
        if (panic >= PanicThreshold * ready)
        {
            if (_panicLeft == 0) _panicCount = 0;
            _panicLeft = StableSeconds;
        }

        if (_panicLeft == 0) return Math.Clamp((int)(view.Desired == 0 ? Math.Max(stable, panic) : stable), minReplicas, maxReplicas);
        _panicCount = Math.Max(Math.Max(_panicCount, (int)panic), view.Ready); // never down in a panic
        return Math.Clamp(_panicCount, minReplicas, maxReplicas);

        double Bounded(double count) => Math.Clamp(count, Math.Floor(ready / MostShrinking), Math.Ceiling(ready * MostGrowth));
    }

    private double Mean(int seconds)
    {
        var (count, sum) = (Math.Min(seconds, _seen), 0.0);
        for (var ago = 1; ago <= count; ago++) sum += _ring[(_seen - ago) % StableSeconds];
        return count == 0 ? 0 : sum / count;
    }
}
