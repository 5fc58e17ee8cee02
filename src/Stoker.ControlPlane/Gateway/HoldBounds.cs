using Stoker.ControlPlane.Replicas;

namespace Stoker.ControlPlane.Gateway;

/// <summary>How much is held for one deployment: its own limits, and the server's where it has none.</summary>
internal readonly record struct HoldBounds(int MaxRequests, long MaxBytes, TimeSpan Timeout)
{
    public static HoldBounds Of(HoldLimits limits, GatewayOptions options) => new(
        limits.MaxRequests ?? options.HoldMaxRequests, limits.MaxBytes ?? options.HoldMaxBytes, limits.Timeout ?? options.HoldTimeout);
}
