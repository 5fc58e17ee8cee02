namespace Stoker.Engine;

/// <summary>Whether an engine maps a packed model (docs/packed-model.md) that lies in the folder.</summary>
public enum PackedUse
{
    /// <summary>Where there is one that fits exactly; else the plain files are packed in memory.</summary>
    Auto,

    /// <summary>Always from the plain files.</summary>
    Never,

    /// <summary>Refuses to open without one, for whoever counts on a fast start.</summary>
    Require,
}
