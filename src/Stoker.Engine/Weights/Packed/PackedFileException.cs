namespace Stoker.Engine.Weights.Packed;

/// <summary>A packed file is not to be used: the reason, for one line of a log. Never leaves the engine.</summary>
/// <param name="reason">Without subject and full stop, such as "is cut: ...".</param>
internal sealed class PackedFileException(string reason, Exception? inner = null) : Exception(reason, inner)
{
    /// <summary>It is good, and of another precision than the one asked for.</summary>
    public bool IsOtherPrecision { get; init; }
}
