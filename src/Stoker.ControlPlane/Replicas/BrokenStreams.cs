namespace Stoker.ControlPlane.Replicas;

/// <summary>What becomes of answers whose replica fails in the middle of them.</summary>
public enum BrokenStreams
{
    /// <summary>
    /// Another replica goes on where one can; what the client has nothing of yet is run again.
    /// </summary>
    Resume,

    /// <summary>The client gets an error, always.</summary>
    Error,
}
