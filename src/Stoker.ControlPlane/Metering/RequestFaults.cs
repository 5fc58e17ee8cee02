namespace Stoker.ControlPlane.Metering;

/// <summary>The moments of a request at which its gateway may be killed with a different outcome each.</summary>
public enum RequestStep
{
    /// <summary>Nothing is written of it.</summary>
    Beginning,

    /// <summary>It stands in the journal, and no replica has it.</summary>
    Begun,

    /// <summary>Its end is known, and nothing is written of that.</summary>
    Ending,

    /// <summary>Its row and those of others are about to be committed.</summary>
    Committing,

    /// <summary>They are, and nobody was told.</summary>
    Committed,

    /// <summary>The client may have its end; its place in the journal is not free yet.</summary>
    Told,
}

/// <summary>Where tests kill a gateway inside of their own process. In production nobody listens.</summary>
public sealed class RequestFaults
{
    /// <summary>Called at every step of every request, on whatever thread; may throw.</summary>
    public Action<RequestStep>? Reached { get; set; }

    internal void Reach(RequestStep step) => Reached?.Invoke(step);
}
