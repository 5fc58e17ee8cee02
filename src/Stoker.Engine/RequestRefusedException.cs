namespace Stoker.Engine;

/// <summary>Why a request was turned away at the door.</summary>
public enum RefusalKind
{
    /// <summary>A value that is never right, whatever the load.</summary>
    Invalid,

    /// <summary>Prompt and answer do not fit the context length.</summary>
    TooLong,

    /// <summary>Prompt and answer fit the context, but not the KV cache, even with nothing else running.</summary>
    NeverFits,

    /// <summary>Too many requests wait; later it would be taken.</summary>
    QueueFull,

    /// <summary>The engine is closing.</summary>
    Closed,
}

/// <summary>
/// The engine did not take a request. The message has the figures and no text of the request; it is fit for the caller.
/// </summary>
public sealed class RequestRefusedException(RefusalKind kind, string? parameter, string message) : Exception(message)
{
    public RefusalKind Kind { get; } = kind;

    /// <summary>
    /// The parameter at fault, in the API's spelling (such as <c>max_tokens</c>), where there is one.
    /// </summary>
    public string? Parameter { get; } = parameter;
}
