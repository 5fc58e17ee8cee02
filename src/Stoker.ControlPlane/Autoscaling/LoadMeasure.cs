namespace Stoker.ControlPlane.Autoscaling;

/// <summary>Load over a window, in the units of the load targets, for all replicas together.</summary>
public readonly record struct LoadMeasure(
    double Concurrent, double RequestsPerSecond, double PromptTokensPerSecond, double GeneratedTokensPerSecond)
{
    /// <summary>The load of this moment; rates need time and are zero.</summary>
    public static LoadMeasure Of(int load) => new(load, 0, 0, 0);
}
