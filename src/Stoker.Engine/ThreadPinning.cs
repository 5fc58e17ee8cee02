namespace Stoker.Engine;

/// <summary>Whether each thread of an engine is bound to a core of its own.</summary>
public enum ThreadPinning
{
    /// <summary>The system moves threads as it likes: right where others use the same cores.</summary>
    Off,

    /// <summary>Bound where the process may run on just as many cores as the engine has threads; else off.</summary>
    Auto,

    /// <summary>Bound, or the engine does not open.</summary>
    On,
}
