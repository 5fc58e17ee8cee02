namespace Stoker.ControlPlane.Autoscaling;

/// <summary>Which rule makes the replica count of the load. Its wire name is the name in capitals.</summary>
public enum ScalingMode
{
    /// <summary>The hosted platform's: fixed windows, see <see cref="WindowsRule"/>.</summary>
    Windows,

    /// <summary>A rule of our own design with times of its own, see <see cref="AutoRule"/>.</summary>
    Auto,
}
