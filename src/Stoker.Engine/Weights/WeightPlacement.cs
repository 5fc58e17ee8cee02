namespace Stoker.Engine.Weights;

/// <summary>Where the bytes of a checkpoint are while it is open.</summary>
internal enum WeightPlacement
{
    /// <summary>Files up to <see cref="SafetensorsFile.MaxCopiedBytes"/> are copied, larger ones mapped.</summary>
    Auto,

    /// <summary>Read into private memory: what happens to the file afterwards cannot hurt.</summary>
    Copied,

    /// <summary>
    /// Mapped read-only: opens in no time and is shared between processes, but the process dies when somebody truncates
    /// the file. For folders that nobody writes to any more, as the server's model store is.
    /// </summary>
    Mapped,

    /// <summary>In the file, which stays open: <see cref="Checkpoint.Read"/> copies one tensor at a time. Else as <see cref="None"/>.</summary>
    Streamed,

    /// <summary>Nothing: headers only, for inspection. Matrices have shapes and no bytes, vectors are zero.</summary>
    None,
}
