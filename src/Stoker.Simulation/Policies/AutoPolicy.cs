using Stoker.ControlPlane.Autoscaling;

namespace Stoker.Simulation.Policies;

/// <summary>
/// A rule of our own design, for <c>--autoscaling-mode auto</c>: it fills replicas to the brim, because a wait of a
/// second or two is no harm, and keeps a bursty fleet longer than a smooth one. The server does not run it yet.
/// </summary>
/// <remarks>
/// (1) Load is its mean over six seconds: a spike that is over before anybody has waited long needs no replica. (2) Up
/// when all of the last 30 such means need more; when all of the last five need half as many again, at once, before a
/// backlog forms that would order replicas for itself. (3) Down to what the highest mean of the last five minutes needs;
/// of the last fifteen where bursts come that are shorter than a cold start, which no fleet can follow: where the
/// highest is above three times the average.
/// </remarks>
public sealed class AutoPolicy(int minReplicas, int maxReplicas) : IFleetPolicy
{
    private const int Smoothing = 6;
    private const int UpSeconds = 30;
    private const int JumpSeconds = 5;
    private const double Jump = 1.5;
    private const int KeepSeconds = 300;
    private const int KeepBurstySeconds = 900;
    private const double Bursty = 3;

    // The load of a replica's share, so that a load of exactly n replicas does not round up for its last bit.
    private const double Rounding = 1e-9;

    private readonly double[] _last = new double[Smoothing];
    private readonly double[] _means = new double[KeepBurstySeconds];
    private int _seen;

    public int StartCount(double meanLoad, int slots) => Math.Clamp(Needed(meanLoad, slots), minReplicas, maxReplicas);

    public void Observe(long second, in LoadBucket bucket)
    {
        _last[_seen % Smoothing] = bucket.Mean;
        var sum = 0.0;
        foreach (var load in _last) sum += load;
        _means[_seen % KeepBurstySeconds] = sum / Math.Min(_seen + 1, Smoothing);
        _seen++;
    }

    public int Decide(in FleetView view) => Math.Clamp(Choose(view), minReplicas, maxReplicas);

    private int Choose(in FleetView view)
    {
        if (view.Desired == 0) return view.Queued > 0 ? Math.Max(1, Needed(view.Queued, view.Slots)) : 0;
        var jump = Needed(Lowest(JumpSeconds), view.Slots);
        if (jump > view.Desired && jump >= Jump * view.Desired) return jump;
        var lasting = Needed(Lowest(UpSeconds), view.Slots);
        if (lasting > view.Desired) return lasting;
        if (_seen < KeepSeconds) return view.Desired;
        var keep = IsBursty ? KeepBurstySeconds : KeepSeconds;
        return _seen < keep ? view.Desired : Math.Min(view.Desired, Math.Max(1, Needed(Highest(keep), view.Slots)));
    }

    private bool IsBursty
    {
        get
        {
            var (count, sum) = (Math.Min(_seen, KeepBurstySeconds), 0.0);
            for (var ago = 1; ago <= count; ago++) sum += Mean(ago);
            return Highest(count) > Bursty * sum / count;
        }
    }

    private double Lowest(int seconds)
    {
        var lowest = _seen == 0 ? 0 : double.MaxValue;
        for (var ago = 1; ago <= Math.Min(seconds, _seen); ago++) lowest = Math.Min(lowest, Mean(ago));
        return lowest;
    }

    private double Highest(int seconds)
    {
        var highest = 0.0;
        for (var ago = 1; ago <= Math.Min(seconds, _seen); ago++) highest = Math.Max(highest, Mean(ago));
        return highest;
    }

    private double Mean(int ago) => _means[(_seen - ago) % KeepBurstySeconds];

    private static int Needed(double load, int slots) => (int)Math.Ceiling((load / slots) - Rounding);
}
