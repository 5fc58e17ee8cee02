namespace Stoker.ControlPlane.Storage;

/// <summary>Why the store could not do its work.</summary>
public enum StorageFault
{
    /// <summary>
    /// The file is no store, is damaged, or was written by a newer program. Nothing was changed; a person must act.
    /// </summary>
    Unusable,

    /// <summary>
    /// The disk or the quota is full. What was asked was not written; later writes work once there is room.
    /// </summary>
    Full,

    /// <summary>Another process kept the store locked for longer than the busy timeout, or the disk failed.</summary>
    Unavailable,
}

/// <summary>
/// Broken I/O below the store. The message says what to do; the data of the refused write is not in it.
/// </summary>
public sealed class StorageException(StorageFault fault, string message, Exception? inner = null) : Exception(message, inner)
{
    public StorageFault Fault { get; } = fault;
}
